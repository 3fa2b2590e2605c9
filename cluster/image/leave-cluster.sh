#!/usr/bin/env bash
# Before a node's machine goes, as a Kubernetes preStop hook:
#
#   leave-cluster SECONDS
#
# Tells Ray that this node will be gone by then, and waits until Serve has none of its replicas here any more: it starts
# others first, or stops these shortly before the time is up where none can be started; an ingress replica hands its
# sessions over (deployments/ingress/retirement.py), and calls are finished. A killed node breaks connections off
# instead, which loses nothing either, but is noticed. Where the cluster cannot be told, nobody will stop the replicas:
# the hook ends at once, and the node goes as if killed.
set -euo pipefail
seconds=$1
proc=${PROC:-/proc} # another folder in tests

arguments() { grep -zsh . "$proc"/[0-9]*/cmdline | tr '\0' '\n'; }

# The raylet has its node's id on its command line; asking Ray would make this another worker of the node.
node=$(arguments | sed -n 's/^--node_id=//p' | head -n 1) || true
if [[ -z $node ]]; then echo "no Ray node runs here" >&2; exit 0; fi

if ! timeout "$seconds" ray drain-node --address "$RAY_ADDRESS" --node-id "$node" \
    --reason DRAIN_NODE_REASON_PREEMPTION --reason-message 'its machine is being stopped' \
    --deadline-remaining-seconds "$seconds"; then
    echo "the cluster has not been told" >&2
    exit 0
fi

replicas() { arguments | grep -c '^ray::ServeReplica'; }
while [[ $SECONDS -lt $seconds && $(replicas) -gt 0 ]]; do sleep 1; done
