#!/bin/sh
# Starts Kennel in a Dogebox: what it keeps is in /storage, the node is the Dogebox's, the ports are GigaWallet's.
# PYTHON, SOURCE and KENNEL_PG_BINDIR come from pup.nix, the DBX_ variables from the Dogebox.
set -eu
umask 077
storage=${STORAGE:-/storage}
for secret in admin-token seed-passphrase; do
    [ -s "$storage/$secret" ] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$storage/$secret"
done
if [ ! -e "$storage/.ready" ] || [ "$(cat "$storage/.ready")" != "$SOURCE" ]; then
    rm -rf "$storage/venv"
    "$PYTHON" -m venv "$storage/venv"
    "$storage/venv/bin/pip" install --quiet --require-hashes --requirement "$SOURCE/requirements.lock"
    echo "$SOURCE" >"$storage/.ready"
fi

export KENNEL_HOME="$storage/kennel"
export KENNEL_NETWORK=main
export KENNEL_DATABASE_URL=embedded
export KENNEL_NODE_URL="http://${DBX_IFACE_CORE_RPC_USER:-dogebox_core_pup_temporary_static_username}:${DBX_IFACE_CORE_RPC_PASSWORD:-dogebox_core_pup_temporary_static_password}@$DBX_IFACE_CORE_RPC_HOST:$DBX_IFACE_CORE_RPC_PORT"
export KENNEL_NODE_ZMQ="tcp://$DBX_IFACE_CORE_ZMQ_HOST:$DBX_IFACE_CORE_ZMQ_PORT"
export KENNEL_ADMIN_BIND="$DBX_PUP_IP:8081"
export KENNEL_PUBLIC_BIND="$DBX_PUP_IP:8082"
export KENNEL_ADMIN_TOKEN_FILE="$storage/admin-token"
export KENNEL_SEED_PASSPHRASE_FILE="$storage/seed-passphrase"
cd "$SOURCE"
exec "$storage/venv/bin/python" -m app serve
