#!/usr/bin/env bash
# Make an authority and a certificate for each server of a secured platform and of docker-compose.tls.yml: make-dev-ca.sh FOLDER.
# For development: the authority's key stays in the folder. Certificates are for a year; a file that is there is kept.
set -euo pipefail
folder=${1:?usage: make-dev-ca.sh FOLDER}
days=365
mkdir -p "$folder"
chmod 0700 "$folder"
cd "$folder"
if [ ! -e ca.pem ]; then
    openssl req -x509 -newkey rsa:3072 -sha256 -nodes -days "$days" -subj "/CN=flights development CA" \
        -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout ca.key -out ca.pem
    chmod 0400 ca.key
    chmod 0444 ca.pem
fi
for name in kafka mongodb redis hiveserver2; do
    [ -e "$name.pem" ] && continue
    openssl req -new -newkey rsa:3072 -nodes -subj "/CN=$name" -keyout "$name.key" -out "$name.csr"
    openssl x509 -req -in "$name.csr" -sha256 -days "$days" -CA ca.pem -CAkey ca.key -CAcreateserial -out "$name.crt" \
        -extfile <(printf 'subjectAltName=DNS:%s,DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' "$name")
    # Containers read it as users of their own; the folder keeps others on this machine out.
    cat "$name.key" "$name.crt" > "$name.pem"
    chmod 0444 "$name.pem"
    rm "$name.key" "$name.csr" "$name.crt"
done
