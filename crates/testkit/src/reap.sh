# Takes one run apart: its processes, mounts, network, cgroups and files.
#
# usage: reap.sh RUN_DIR wait|now
# `wait` first waits for the end of stdin, whose other end the test process holds: it comes when that
# process lets go of the run or dies, however it dies. Everything that is needed is read from the run
# directory and from the kernel, so the same script also clears what an earlier run left behind.

run=$1
mode=$2
id=${run##*/}
trap '' INT TERM HUP
[ -n "$run" ] && [ -d "$run" ] || exit 0
[ "$mode" = wait ] && cat >/dev/null

say() { echo "$(date '+%F %T') $id: $*" >&2; }

# Processes of the run that are still alive: daemons and shims that name the run directory, port proxies
# into its subnet, all their descendants, and whatever sits in the run's cgroups. The program's name is
# checked too, so that an editor that has a file of the run open is left alone.
alive() {
    {
        for file in $(grep -lF -e "$run/" /proc/[0-9]*/cmdline 2>/dev/null); do
            pid=${file#/proc/}
            pid=${pid%/cmdline}
            case $(readlink "/proc/$pid/exe" 2>/dev/null) in
            */dockerd* | */containerd* | */docker-registry* | */podman* | */conmon* | */docker | */runc | */crun | \
                */netavark* | */aardvark-dns* | */catatonit*) echo "$pid" ;;
            esac
        done
        if [ -n "$prefix" ]; then
            for file in $(grep -lE -e "-container-ip.$prefix" /proc/[0-9]*/cmdline 2>/dev/null); do
                pid=${file#/proc/}
                pid=${pid%/cmdline}
                case $(readlink "/proc/$pid/exe" 2>/dev/null) in */docker-proxy) echo "$pid" ;; esac
            done
        fi
        find /sys/fs/cgroup -path "*/slipway-testkit/$id/*" -name cgroup.procs -exec cat {} + 2>/dev/null
    } | sort -u >"$run/.roots"
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v roots="$run/.roots" -v self=$$ '
        BEGIN { while ((getline line < roots) > 0) hit[line] = 1 }
        {
            pid = $1
            sub(/^.*\) /, "")
            state[pid] = $1
            parent[pid] = $2
        }
        END {
            do {
                more = 0
                for (p in parent) if (!(p in hit) && (parent[p] in hit)) { hit[p] = 1; more = 1 }
            } while (more)
            for (p in hit) if (p != self && (p in state) && state[p] != "Z" && state[p] != "X") print p
        }'
}

bridge=
subnet=
prefix=
[ -f "$run/network" ] && read -r bridge subnet prefix <"$run/network"

# What only the daemon's own program can undo, such as the packet filter rules of Podman's network plug-ins.
[ -f "$run/undo.sh" ] && timeout -k 5 60 sh "$run/undo.sh" >"$run/undo.log" 2>&1

tries=0
while pids=$(alive) && [ -n "$pids" ]; do
    # shellcheck disable=SC2086
    kill -9 $pids 2>/dev/null
    tries=$((tries + 1))
    if [ $tries -gt 500 ]; then
        say "still alive after 500 kills:" $pids
        break
    fi
    sleep 0.02
done

# Shims listen outside of the run directory and do not unlink their sockets when they are killed.
find "$run" -path '*io.containerd.runtime.v2.task/*' -name address -exec cat {} \; -exec echo \; 2>/dev/null |
    sed -n 's#^unix://\(/run/containerd/s/[0-9a-f]*\)$#\1#p' | while read -r socket; do rm -f "$socket"; done

# Mount points inside of the run, deepest first; mountinfo writes a blank as \040.
awk -v at="$run/" 'index($5 "/", at) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r at; do
    umount -l "$(printf '%b' "$at")" || say "cannot unmount $at"
done

# Bridges: ours, those of the engine's own networks, and any other that got an address from our pool.
{
    [ -n "$bridge" ] && echo "$bridge"
    find "$run" -name local-kv.db -exec grep -aoE '"BridgeName":"[^"]+"' {} + 2>/dev/null | sed 's/.*:"\(.*\)"/\1/'
    [ -n "$subnet" ] && ip -o -4 addr show to "$subnet" 2>/dev/null | awk '{ print $2 }'
} | sort -u | while read -r link; do
    [ -n "$link" ] && [ -d "/sys/class/net/$link/bridge" ] || continue
    # Ends of pairs whose other end died with its namespace linger for a moment: take them along.
    for port in "/sys/class/net/$link/brif"/*; do
        [ -e "$port" ] && ip link del "${port##*/}" 2>/dev/null
    done
    ip link del "$link" 2>/dev/null || [ ! -e "/sys/class/net/$link" ] || say "cannot delete bridge $link"
done
find /var/lib/cni/networks -maxdepth 1 -name "testkit-$id" -exec rm -rf {} + 2>/dev/null
if [ -n "$subnet" ] && [ -f "$run/iptables" ]; then
    iptables -w -D FORWARD -s "$subnet" -d "$subnet" -j ACCEPT
    iptables -w -t nat -D POSTROUTING -s "$subnet" ! -d "$subnet" -j MASQUERADE
fi

find /sys/fs/cgroup -depth -type d \( -path "*/slipway-testkit/$id" -o -path "*/slipway-testkit/$id/*" \) \
    -exec rmdir {} + 2>/dev/null
# Their parent, unless other runs have theirs in it.
find /sys/fs/cgroup -maxdepth 2 -type d -name slipway-testkit -exec rmdir {} + 2>/dev/null

rm -rf --one-file-system "$run"
if [ -e "$run" ]; then
    say "cannot remove $run"
    exit 1
fi
exit 0
