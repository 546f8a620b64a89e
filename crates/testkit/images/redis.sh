# Follows the official redis image, with a health check added.
cp "$BASE/etc/passwd" "$BASE/etc/group" etc/
echo 'redis:x:999:999::/home/redis:/bin/sh' >>etc/passwd
echo 'redis:x:999:' >>etc/group
mkdir -p data usr/local/bin
chown 999:999 data
cat >usr/local/bin/docker-entrypoint.sh <<'EOF'
#!/bin/sh
set -e
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then
    set -- redis-server "$@"
fi
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    chown -R redis:redis .
    exec setpriv --reuid=redis --regid=redis --clear-groups "$0" "$@"
fi
# The official image has protected mode compiled out, so that a published port works without a password.
if [ "$1" = redis-server ]; then
    shift
    set -- redis-server --protected-mode no "$@"
    [ -f "${4:-}" ] && set -- redis-server "$4" --protected-mode no
fi
exec "$@"
EOF
chmod 755 usr/local/bin/docker-entrypoint.sh
