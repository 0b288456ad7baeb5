#!/usr/bin/env bash
# Make passwords and certificates, each in the folder of the one who needs it; what is there is never replaced.
#   prepare.sh [FOLDER]       FOLDER holds elasticsearch/ kibana/ setup/ tallyman/; /secrets unless named
set -euo pipefail
umask 077
folder=${1:-/secrets}
home=${ES_HOME:-/usr/share/elasticsearch}

give() { # USER:GROUP FILE...   only root can, and only root has to
  local owner=$1
  shift
  chmod 400 "$@"
  if [ "$(id -u)" = 0 ]; then chown "$owner" "$@" "$(dirname "$1")"; fi
}

password() { # FOLDER
  [ -s "$folder/$1/password" ] && return
  head -c 30 /dev/urandom | base64 -w 0 | tr '+/' 'ab' >"$folder/$1/password.new"
  mv "$folder/$1/password.new" "$folder/$1/password"
}

certificates() {
  [ -s "$folder/elasticsearch/server.crt" ] && return
  local work
  work=$(mktemp -d)
  "$home/bin/elasticsearch-certutil" ca --silent --pem --days 3650 --out "$work/ca.zip"
  unzip -q "$work/ca.zip" -d "$work"
  "$home/bin/elasticsearch-certutil" cert --silent --pem --days 3650 --name server --out "$work/server.zip" \
    --ca-cert "$work/ca/ca.crt" --ca-key "$work/ca/ca.key" --dns elasticsearch,localhost --ip 127.0.0.1
  unzip -q "$work/server.zip" -d "$work"
  for each in elasticsearch kibana setup tallyman; do cp "$work/ca/ca.crt" "$folder/$each/ca.crt"; done
  cp "$work/server/server.key" "$work/server/server.crt" "$folder/elasticsearch/" # the authority's key is not kept
  rm -r "$work"
}

for each in elasticsearch kibana setup tallyman; do
  mkdir -p "$folder/$each"
  password "$each"
done
certificates
give 1000:0 "$folder"/elasticsearch/{password,ca.crt,server.key,server.crt}
give 1000:0 "$folder"/kibana/{password,ca.crt}
give 10001:10001 "$folder"/setup/{password,ca.crt} # USER of the Dockerfile
give 10001:10001 "$folder"/tallyman/{password,ca.crt}
echo "passwords and certificates are in place"
