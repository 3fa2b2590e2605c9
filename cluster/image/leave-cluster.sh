#!/usr/bin/env bash
# Before a node's machine goes, as a Kubernetes preStop hook:
#
#   leave-cluster SECONDS
#
# Tells Ray that this node will be gone by then, and waits until Serve has none of its replicas here any more: it starts
# others first, an ingress replica hands its sessions over (deployments/ingress/retirement.py), and calls are finished.
# A killed node breaks connections off instead, which loses nothing either, but is noticed.
set -euo pipefail
seconds=$1

# The raylet has its node's id on its command line; asking Ray would make this another worker of the node.
node=$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | sed -n 's/^--node_id=//p' | head -n 1) || true
if [[ -z $node ]]; then echo "no Ray node runs here" >&2; exit 0; fi

ray drain-node --address "$RAY_ADDRESS" --node-id "$node" --reason DRAIN_NODE_REASON_PREEMPTION \
    --reason-message 'its machine is being stopped' --deadline-remaining-seconds "$seconds"

replicas() { cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -c '^ray::ServeReplica'; }
while [[ $SECONDS -lt $seconds && $(replicas) -gt 0 ]]; do sleep 1; done
