# Follows the official nginx image: the same entry point, page, log links and user id.
cp "$BASE/etc/passwd" "$BASE/etc/group" etc/
echo 'nginx:x:101:101:nginx user:/nonexistent:/bin/false' >>etc/passwd
echo 'nginx:x:101:' >>etc/group
mkdir -p var/log/nginx var/lib/nginx var/cache/nginx run usr/share/nginx/html etc/nginx/conf.d docker-entrypoint.d
ln -s /dev/stdout var/log/nginx/access.log
ln -s /dev/stderr var/log/nginx/error.log
cat >docker-entrypoint.sh <<'EOF'
#!/bin/sh
set -e
if [ "$1" = nginx ]; then
    echo "$0: Configuration complete; ready for start up"
fi
exec "$@"
EOF
chmod 755 docker-entrypoint.sh
cat >etc/nginx/nginx.conf <<'EOF'
user  nginx;
worker_processes  auto;
error_log  /var/log/nginx/error.log notice;
pid        /run/nginx.pid;
events {
    worker_connections  1024;
}
http {
    include       /etc/nginx/mime.types;
    default_type  application/octet-stream;
    log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for"';
    access_log  /var/log/nginx/access.log  main;
    sendfile        on;
    keepalive_timeout  65;
    include /etc/nginx/conf.d/*.conf;
}
EOF
cat >etc/nginx/conf.d/default.conf <<'EOF'
server {
    listen       80;
    listen  [::]:80;
    server_name  localhost;
    location / {
        root   /usr/share/nginx/html;
        index  index.html index.htm;
    }
}
EOF
cat >usr/share/nginx/html/index.html <<'EOF'
<!DOCTYPE html>
<html>
<head>
<title>Welcome to nginx!</title>
</head>
<body>
<h1>Welcome to nginx!</h1>
<p>If you see this page, the nginx web server is successfully installed and working.</p>
</body>
</html>
EOF
