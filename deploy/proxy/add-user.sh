#!/usr/bin/env bash
# Let someone sign in at the proxy: add-user.sh SECRETS_DIR NAME viewer|operator|admin. Who is there gets the new role and a new
# password. It is printed once; the folder keeps its hash only.
set -euo pipefail
usage="usage: add-user.sh SECRETS_DIR NAME viewer|operator|admin"
folder=${1:?$usage} name=${2:?$usage} role=${3:?$usage}
[[ $role =~ ^(viewer|operator|admin)$ ]] || { echo "$usage" >&2; exit 2; }
# nginx's map knows no difference of case, and these words are its own.
[[ $name =~ ^[a-z0-9._@-]+$ && ! $name =~ ^(default|hostnames|include|volatile)$ ]] || { echo "a name has a-z 0-9 . _ @ - only" >&2; exit 2; }
password=$(openssl rand -base64 24)
# Random, so that no hash needs to be slow; and nginx computes it again for each request.
hash=$(openssl passwd -6 -stdin <<< "$password")
replace() {
    # Into the same file: a container has the file mounted, not its name.
    others=$(awk -v name="$name" -F '[: ]' '$1 != name' "$folder/$1")
    chmod u+w "$folder/$1"
    printf '%s\n' "$others" "$2" > "$folder/$1"
}
replace proxy_users "$name:$hash"
replace proxy_roles "$name $role;"
printf '%s is %s, with the password %s\n' "$name" "$role" "$password"
