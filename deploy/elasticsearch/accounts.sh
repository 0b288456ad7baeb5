#!/usr/bin/env bash
# Store the roles beside this file, and the accounts that have them. May be repeated: it also brings new passwords in.
#   accounts.sh ADDRESS [FOLDER]       FOLDER as prepare.sh made it; ELASTICSEARCH_USER instead of elastic
# No password is ever an argument of a program, where others could see it.
set -euo pipefail
address=${1:?usage: accounts.sh https://elasticsearch:9200 [FOLDER]}
folder=${2:-/secrets}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

ask() { # METHOD PATH   the body on stdin
  curl -sS --fail-with-body --retry 30 --retry-delay 2 --retry-all-errors --cacert "$folder/elasticsearch/ca.crt" \
    -K <(printf 'user = "%s:%s"\n' "${ELASTICSEARCH_USER:-elastic}" "$(cat "$folder/elasticsearch/password")") \
    -X "$1" -H 'Content-Type: application/json' --data-binary @- "$address/_security/$2" >/dev/null
}

user() { # NAME FOLDER ROLE...
  local name=$1 password roles
  password=$(cat "$folder/$2/password")
  shift 2
  roles=$(printf '"%s",' "$@")
  printf '{"password": "%s", "roles": [%s]}' "$password" "${roles%,}" | ask PUT "user/$name"
}

for role in "$here"/roles/*.json; do
  name=$(basename "$role" .json)
  ask PUT "role/tallyman_$name" <"$role"
done
printf '{"password": "%s"}' "$(cat "$folder/kibana/password")" | ask POST user/kibana_system/_password
user tallyman tallyman tallyman_writer tallyman_state tallyman_reader
user tallyman_setup setup tallyman_setup
echo "roles and accounts are in place"
