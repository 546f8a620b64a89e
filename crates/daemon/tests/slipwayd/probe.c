/* What a container tries to reach. Linked statically, because the image has nothing else.

   Several are done one after the other, with a plus sign between them.

   probe listen PORT                     answers on all addresses until it is killed
   probe echo PORT                       says what it gets, by datagrams
   probe tcp ADDRESS FIRST LAST PASSES   which ports answer; one that says nothing is asked PASSES times
   probe udp ADDRESS PORT WORDS          one datagram, broadcast allowed
   probe frame HOW tcp|udp ADDRESS PORT WORDS
                                         a datagram, or the beginning of a connection, put on eth0 by hand: by a packet
                                         socket, by one with `bypass` of its queues, or by `xdp`
   probe socket PATH                     whether a socket of this computer can be connected to
   probe vsock                           which ports of the hypervisor's sockets answer
   probe serial                          which of the machine's serial ports can be opened
   probe namespaces                      how many other network namespaces have a number in this one */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 32768, PATIENCE_MS = 1500 };

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int fail(const char *what) {
    perror(what);
    return 1;
}

/* IPv4, or IPv6 with an interface behind a percent sign. */
static socklen_t address_of(const char *text, int port, struct sockaddr_storage *to) {
    memset(to, 0, sizeof *to);
    struct sockaddr_in *four = (void *)to;
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        return sizeof *four;
    }
    struct sockaddr_in6 *six = (void *)to;
    char name[64];
    snprintf(name, sizeof name, "%s", text);
    char *interface = strchr(name, '%');
    if (interface) {
        *interface++ = 0;
        six->sin6_scope_id = if_nametoindex(interface);
    }
    if (inet_pton(AF_INET6, name, &six->sin6_addr) != 1) {
        fprintf(stderr, "%s is no address\n", text);
        exit(2);
    }
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    return sizeof *six;
}

static int listen_on(int port) {
    struct sockaddr_storage any;
    socklen_t length = address_of("::", port, &any);
    int listener = socket(AF_INET6, SOCK_STREAM, 0);
    if (bind(listener, (void *)&any, length) || listen(listener, 64)) return fail("listen");
    puts("listening");
    fflush(stdout);
    for (;;) {
        int peer = accept(listener, NULL, NULL);
        if (peer >= 0) close(peer);
    }
}

static int echo_on(int port) {
    struct sockaddr_storage from;
    socklen_t length = address_of("::", port, &from);
    int one = socket(AF_INET6, SOCK_DGRAM, 0);
    if (bind(one, (void *)&from, length)) return fail("bind");
    for (char bytes[65536];;) {
        length = sizeof from;
        ssize_t count = recvfrom(one, bytes, sizeof bytes, 0, (void *)&from, &length);
        if (count >= 0) sendto(one, bytes, count, 0, (void *)&from, length);
    }
}

static unsigned char state[65536];
enum { UNKNOWN, OPEN, REFUSED, DENIED };
static int refused, denied;

/* A socket whose own port happened to be the one that it asked is connected to itself. */
static int is_itself(int one) {
    struct sockaddr_storage us = {0}, them = {0};
    socklen_t ours = sizeof us, theirs = sizeof them;
    getsockname(one, (void *)&us, &ours);
    getpeername(one, (void *)&them, &theirs);
    return ours == theirs && !memcmp(&us, &them, ours);
}

static void told(int port, int one, int error) {
    if (error == 0 && is_itself(one)) return;
    if (error == 0) state[port] = OPEN, printf(" %d", port);
    else if (error == ECONNREFUSED || error == ECONNRESET) state[port] = REFUSED, refused++;
    else if (error == EINPROGRESS || error == ETIMEDOUT) return;
    else state[port] = DENIED, denied++;
}

static int tcp(const char *to, int first, int last, int passes) {
    static struct pollfd waiting[BATCH];
    static int port_of[BATCH];
    memset(state, UNKNOWN, sizeof state);
    refused = denied = 0;
    printf("tcp %s\nopen", to);
    for (int pass = 0; pass < passes; pass++) {
        for (int port = first; port <= last;) {
            int count = 0;
            for (; port <= last && count < BATCH; port++) {
                if (state[port] != UNKNOWN) continue;
                struct sockaddr_storage address;
                socklen_t length = address_of(to, port, &address);
                int one = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
                if (one < 0) return fail("socket");
                int failed = connect(one, (void *)&address, length);
                if (failed && errno == EINPROGRESS) {
                    waiting[count].fd = one;
                    waiting[count].events = POLLOUT;
                    port_of[count++] = port;
                } else {
                    told(port, one, failed ? errno : 0);
                    close(one);
                }
            }
            int left = count;
            for (long until = now_ms() + PATIENCE_MS; left > 0 && now_ms() < until;) {
                if (poll(waiting, count, (int)(until - now_ms()) + 1) <= 0) continue;
                for (int i = 0; i < count; i++) {
                    if (waiting[i].fd < 0 || !waiting[i].revents) continue;
                    int error = 0;
                    socklen_t length = sizeof error;
                    getsockopt(waiting[i].fd, SOL_SOCKET, SO_ERROR, &error, &length);
                    told(port_of[i], waiting[i].fd, error);
                    close(waiting[i].fd);
                    waiting[i].fd = -1;
                    left--;
                }
            }
            for (int i = 0; i < count; i++)
                if (waiting[i].fd >= 0) close(waiting[i].fd);
        }
    }
    int silent = 0;
    for (int port = first; port <= last; port++) silent += state[port] == UNKNOWN;
    printf("\nrefused %d denied %d silent %d\n", refused, denied, silent);
    return 0;
}

static int udp(const char *to, int port, const char *words) {
    struct sockaddr_storage address;
    socklen_t length = address_of(to, port, &address);
    int one = socket(address.ss_family, SOCK_DGRAM, 0), yes = 1;
    setsockopt(one, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes);
    /* No way there is an answer too. */
    if (sendto(one, words, strlen(words), 0, (void *)&address, length) < 0) perror("sendto");
    return 0;
}

static unsigned short checksum(const void *bytes, int length) {
    unsigned sum = 0;
    for (const unsigned char *at = bytes; length > 1; at += 2, length -= 2) sum += at[0] << 8 | at[1];
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return htons(~sum & 0xffff);
}

struct frame {
    struct ethhdr ethernet;
    struct iphdr ip;
    union {
        struct {
            struct udphdr head;
            char words[64];
        } udp;
        struct tcphdr tcp;
    };
} __attribute__((packed));

/* A checksum over the pseudo-header too. */
static unsigned short checksum_of_tcp(const struct frame *all) {
    struct {
        unsigned from, to;
        unsigned char zero, protocol;
        unsigned short length;
        struct tcphdr tcp;
    } __attribute__((packed)) over = {
        all->ip.saddr, all->ip.daddr, 0, IPPROTO_TCP, htons(sizeof all->tcp), all->tcp};
    return checksum(&over, sizeof over);
}

/* A datagram with words, or the beginning of a connection. */
static int make_frame(struct frame *all, const char *protocol, const char *to, int port, const char *words) {
    static int connections;
    int tcp = !strcmp(protocol, "tcp"), length = strlen(words);
    int said = tcp ? sizeof all->tcp : sizeof all->udp.head + length;
    memset(all, 0, sizeof *all);
    /* User-mode networking has its gateway at this address. */
    memcpy(all->ethernet.h_dest, "\x52\x55\x0a\x00\x02\x02", 6);
    memcpy(all->ethernet.h_source, "\x52\x54\x00\x12\x34\x56", 6);
    all->ethernet.h_proto = htons(ETH_P_IP);
    all->ip.version = 4;
    all->ip.ihl = 5;
    all->ip.ttl = 64;
    all->ip.protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
    all->ip.tot_len = htons(sizeof all->ip + said);
    inet_pton(AF_INET, "10.0.2.15", &all->ip.saddr);
    inet_pton(AF_INET, to, &all->ip.daddr);
    all->ip.check = checksum(&all->ip, sizeof all->ip);
    if (tcp) {
        all->tcp.source = htons(40001 + connections++);
        all->tcp.dest = htons(port);
        all->tcp.doff = 5;
        all->tcp.syn = 1;
        all->tcp.window = htons(65535);
        all->tcp.check = checksum_of_tcp(all);
    } else {
        all->udp.head.source = htons(40000);
        all->udp.head.dest = htons(port);
        all->udp.head.len = htons(said);
        memcpy(all->udp.words, words, length);
    }
    return sizeof all->ethernet + sizeof all->ip + said;
}

static int send_by_packet(const void *frame, int length, int bypass) {
    struct sockaddr_ll out = {
        .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex("eth0"), .sll_halen = 6};
    int one = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP));
    if (one < 0) return fail("socket");
    if (setsockopt(one, SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof bypass)) return fail("bypass");
    if (sendto(one, frame, length, 0, (void *)&out, sizeof out) < 0) perror("sendto");
    return 0;
}

static int send_by_xdp(const void *frame, int length) {
    enum { CHUNK = 4096, CHUNKS = 4 };
    int one = socket(AF_XDP, SOCK_RAW, 0), size = CHUNKS;
    if (one < 0) return fail("AF_XDP");
    char *area = mmap(0, CHUNK * CHUNKS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct xdp_umem_reg memory = {.addr = (unsigned long)area, .len = CHUNK * CHUNKS, .chunk_size = CHUNK};
    struct xdp_mmap_offsets at;
    socklen_t length_of_at = sizeof at;
    if (setsockopt(one, SOL_XDP, XDP_UMEM_REG, &memory, sizeof memory)) return fail("XDP_UMEM_REG");
    if (setsockopt(one, SOL_XDP, XDP_UMEM_FILL_RING, &size, sizeof size) ||
        setsockopt(one, SOL_XDP, XDP_UMEM_COMPLETION_RING, &size, sizeof size) ||
        setsockopt(one, SOL_XDP, XDP_TX_RING, &size, sizeof size) ||
        getsockopt(one, SOL_XDP, XDP_MMAP_OFFSETS, &at, &length_of_at))
        return fail("the rings");
    char *ring = mmap(0, at.tx.desc + size * sizeof(struct xdp_desc), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_POPULATE, one, XDP_PGOFF_TX_RING);
    if (ring == MAP_FAILED) return fail("mmap");
    struct sockaddr_xdp to = {
        .sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY, .sxdp_ifindex = if_nametoindex("eth0")};
    /* The queue of a socket that was just closed is given back a moment later. */
    for (int left = 100; bind(one, (void *)&to, sizeof to); left--) {
        if (errno != EBUSY || !left) return fail("bind");
        usleep(50000);
    }
    memcpy(area, frame, length);
    ((struct xdp_desc *)(ring + at.tx.desc))[0] = (struct xdp_desc){.len = length};
    __atomic_store_n((unsigned *)(ring + at.tx.producer), 1, __ATOMIC_RELEASE);
    if (sendto(one, 0, 0, MSG_DONTWAIT, 0, 0) < 0) perror("sendto");
    /* Closed at once, it would not send. The queue is given back only once nothing is mapped any more. */
    usleep(200000);
    munmap(ring, at.tx.desc + size * sizeof(struct xdp_desc));
    close(one);
    return 0;
}

static int frame(const char *how, const char *protocol, const char *to, int port, const char *words) {
    struct frame all;
    int length = make_frame(&all, protocol, to, port, words);
    if (!strcmp(how, "xdp")) return send_by_xdp(&all, length);
    return send_by_packet(&all, length, !strcmp(how, "bypass"));
}

static int unix_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int one = socket(AF_UNIX, SOCK_STREAM, 0);
    puts(connect(one, (void *)&address, sizeof address) ? strerror(errno) : "connected");
    return 0;
}

static int vsock(void) {
    int tried = 0;
    printf("vsock\nopen");
    for (unsigned cid = 0; cid < 4; cid++) {
        for (unsigned port = 1; port <= 4096; port++) {
            struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = cid};
            int one = socket(AF_VSOCK, SOCK_STREAM, 0);
            if (one < 0) break;
            if (!connect(one, (void *)&address, sizeof address)) printf(" %u:%u", cid, port);
            close(one);
            tried++;
        }
    }
    printf("\ntried %d\n", tried);
    return 0;
}

static int serial(void) {
    DIR *devices = opendir("/dev");
    for (struct dirent *entry; devices && (entry = readdir(devices));) {
        if (strncmp(entry->d_name, "vport", 5) && strncmp(entry->d_name, "hvc", 3)) continue;
        char path[300];
        snprintf(path, sizeof path, "/dev/%s", entry->d_name);
        int port = open(path, O_RDWR | O_NONBLOCK);
        printf("%s %s\n", entry->d_name, port < 0 ? strerror(errno) : "open");
        if (port >= 0) close(port);
    }
    return 0;
}

static int namespaces(void) {
    struct {
        struct nlmsghdr head;
        struct rtgenmsg body;
    } question = {{sizeof question, RTM_GETNSID, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {AF_UNSPEC}};
    char answer[65536];
    int netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), found = 0;
    send(netlink, &question, sizeof question, 0);
    for (;;) {
        int length = recv(netlink, answer, sizeof answer, 0);
        if (length <= 0) return 1;
        for (struct nlmsghdr *head = (void *)answer; NLMSG_OK(head, length);
             head = NLMSG_NEXT(head, length)) {
            if (head->nlmsg_type == RTM_NEWNSID) found++;
            if (head->nlmsg_type != NLMSG_DONE && head->nlmsg_type != NLMSG_ERROR) continue;
            printf("%s %d\n", head->nlmsg_type == NLMSG_DONE ? "namespaces" : "no answer", found);
            return 0;
        }
    }
}

/* `words` from the program's name on. */
static int one(int count, char **words) {
    const char *what = count > 1 ? words[1] : "";
    if (!strcmp(what, "listen") && count == 3) return listen_on(atoi(words[2]));
    if (!strcmp(what, "echo") && count == 3) return echo_on(atoi(words[2]));
    if (!strcmp(what, "tcp") && count == 6)
        return tcp(words[2], atoi(words[3]), atoi(words[4]), atoi(words[5]));
    if (!strcmp(what, "udp") && count == 5) return udp(words[2], atoi(words[3]), words[4]);
    if (!strcmp(what, "frame") && count == 7)
        return frame(words[2], words[3], words[4], atoi(words[5]), words[6]);
    if (!strcmp(what, "socket") && count == 3) return unix_socket(words[2]);
    if (!strcmp(what, "vsock") && count == 2) return vsock();
    if (!strcmp(what, "serial") && count == 2) return serial();
    if (!strcmp(what, "namespaces") && count == 2) return namespaces();
    fputs("see the beginning of probe.c\n", stderr);
    return 2;
}

int main(int count, char **words) {
    struct rlimit files = {1048576, 1048576};
    setrlimit(RLIMIT_NOFILE, &files);
    for (int begin = 0, end = 1; end <= count; end++) {
        if (end < count && strcmp(words[end], "+")) continue;
        int code = one(end - begin, words + begin);
        if (code) return code;
        fflush(stdout);
        begin = end;
    }
    return 0;
}
