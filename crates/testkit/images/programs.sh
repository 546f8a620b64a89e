# The programs of the slipway/* samples. They share one layer on top of busybox.
mkdir -p bin var/www
cat >flood.c <<'EOF'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text && *text ? atol(text) : otherwise;
}

/* RATE lines a second (0: as fast as they are taken), LINES in all (0: no end), each WIDTH bytes without its newline.
   Slices of 1/100 s keep the rate even; a full pipe delays a slice, and the next ones catch up. */
int main(void) {
    long rate = number("RATE", 10), lines = number("LINES", 0), width = number("WIDTH", 80);
    if (width < 14) width = 14;
    if (width > 65536) width = 65536;
    static char buffer[1 << 20];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    char *fill = malloc(width + 1);
    for (long i = 0; i < width; i++) fill[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[i % 36];
    fill[width] = 0;
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long written = 0; !lines || written < lines;) {
        long until = written + 1024;
        if (rate) {
            clock_gettime(CLOCK_MONOTONIC, &now);
            double elapsed = (now.tv_sec - start.tv_sec) + (now.tv_nsec - start.tv_nsec) / 1e9;
            until = (long)(elapsed * rate) + 1;
        }
        if (lines && until > lines) until = lines;
        for (; written < until; written++) {
            char head[40];
            int length = snprintf(head, sizeof head, "line %08ld", written + 1);
            fwrite(head, 1, length, stdout);
            if (width > length) {
                putchar(' ');
                fwrite(fill, 1, width - length - 1, stdout);
            }
            if (putchar('\n') == EOF) return 1;
        }
        if (fflush(stdout)) return 1;
        if (rate) usleep(10000);
    }
    return 0;
}
EOF
cat >oom.c <<'EOF'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Takes a megabyte every few milliseconds and uses it, until the kernel says no. */
int main(void) {
    for (int megabytes = 1;; megabytes++) {
        char *block = malloc(1 << 20);
        if (!block) return 1;
        memset(block, megabytes, 1 << 20);
        printf("%d MiB\n", megabytes);
        fflush(stdout);
        usleep(5000);
    }
}
EOF
for program in flood oom; do
    gcc -O2 -static -o "bin/$program" "$program.c"
    strip "bin/$program"
    rm "$program.c"
done
cat >bin/tty-demo <<'EOF'
#!/bin/sh
# Colours, styles, a progress bar that rewrites its line, cursor moves, a title, and a prompt without a newline.
e=$(printf '\033')
printf '%s[1mbold%s[0m %s[4munderlined%s[0m %s[7mreverse%s[0m\r\n' $e $e $e $e $e $e
for colour in 31 32 33 34 35 36 91 92; do printf '%s[%smcolour %s%s[0m ' $e $colour $colour $e; done
printf '\r\n%s[38;5;208m256 colours%s[0m %s[38;2;10;200;120mtrue colour%s[0m\r\n' $e $e $e $e
printf '%s]0;a title%s' $e "$(printf '\007')"
for percent in 0 25 50 75 100; do printf '\r%s[Kprogress %s%%' $e $percent; done
printf '\r\n%s[3Cthree to the right%s[1A%s[1B\r\n' $e $e $e
printf 'size %s\r\n' "$(stty size 2>/dev/null || echo none)"
while :; do
    printf 'prompt> '
    read -r line || sleep 2147483647
    [ "$line" = exit ] && exit 0
    printf 'you said: %s[32m%s%s[0m\r\n' $e "$line" $e
done
EOF
cat >bin/webapp <<'EOF'
#!/bin/sh
# Listens only after DELAY seconds, as a service does that starts slowly.
trap 'exit 0' TERM INT
echo "starting, ready in ${DELAY:-0} s"
sleep "${DELAY:-0}" &
wait $!
echo "listening on 8080"
httpd -f -p 8080 -h /var/www &
wait $!
EOF
chmod 755 bin/tty-demo bin/webapp
echo '<!DOCTYPE html><title>webapp</title><h1>It works</h1>' >var/www/index.html
