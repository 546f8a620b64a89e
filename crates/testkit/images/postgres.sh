# Follows the official postgres image, with a health check added.
cp "$BASE/etc/passwd" "$BASE/etc/group" etc/
echo 'postgres:x:999:999::/var/lib/postgresql:/bin/bash' >>etc/passwd
echo 'postgres:x:999:' >>etc/group
mkdir -p run/postgresql var/lib/postgresql/data usr/local/bin docker-entrypoint-initdb.d usr/share/postgresql/15
chown -R 999:999 run/postgresql var/lib/postgresql
chmod 2777 run/postgresql
chmod 777 var/lib/postgresql/data
sed "s/^#listen_addresses = 'localhost'/listen_addresses = '*'/" \
    "$FULL/usr/share/postgresql/15/postgresql.conf.sample" >usr/share/postgresql/15/postgresql.conf.sample
cat >usr/local/bin/docker-entrypoint.sh <<'EOF'
#!/usr/bin/env bash
set -eo pipefail

: "${POSTGRES_USER:=postgres}"
: "${POSTGRES_DB:=$POSTGRES_USER}"

verify_minimum_env() {
    if [ -z "$POSTGRES_PASSWORD" ] && [ 'trust' != "$POSTGRES_HOST_AUTH_METHOD" ]; then
        cat >&2 <<-'EOE'
			Error: Database is uninitialized and superuser password is not specified.
			       You must specify POSTGRES_PASSWORD to a non-empty value for the
			       superuser. For example, "-e POSTGRES_PASSWORD=password" on "docker run".

			       You may also use "POSTGRES_HOST_AUTH_METHOD=trust" to allow all
			       connections without a password. This is *not* recommended.

			       See PostgreSQL documentation about "trust":
			       https://www.postgresql.org/docs/current/auth-trust.html
		EOE
        exit 1
    fi
}

initialize() {
    verify_minimum_env
    local auth=(--auth-host="${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}")
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") "${auth[@]}" $POSTGRES_INITDB_ARGS
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
    pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
    if [ "$POSTGRES_DB" != postgres ]; then
        psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --no-password --dbname postgres \
            --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db" ;'
    fi
    for file in /docker-entrypoint-initdb.d/*; do
        case "$file" in
        *.sql) psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" -f "$file" ;;
        *.sh) . "$file" ;;
        esac
    done
    pg_ctl -D "$PGDATA" -m fast -w stop
    printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

if [ "${1:0:1}" = - ]; then
    set -- postgres "$@"
fi
if [ "$1" = postgres ]; then
    mkdir -p "$PGDATA" /run/postgresql
    if [ "$(id -u)" = 0 ]; then
        chown -R postgres:postgres "$PGDATA" /run/postgresql
        chmod 700 "$PGDATA"
        exec setpriv --reuid=postgres --regid=postgres --clear-groups "$BASH_SOURCE" "$@"
    fi
    if [ -s "$PGDATA/PG_VERSION" ]; then
        printf '\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n\n'
    else
        initialize
    fi
fi
exec "$@"
EOF
chmod 755 usr/local/bin/docker-entrypoint.sh
