# Makes base/serve_config.yaml of the one for a single machine, which stands at the top: `make serve-config`. What it
# changes is what any cluster of several nodes needs.
s/^  host: .*/  host: 0.0.0.0 # of the pod; the network policy says who reaches it/
# Two ingress replicas at least, each on a node of its own.
s/^\( *ingress: {.*min_replicas: \)1,/\12,/
/^      - name: ingress/,/^      - name: vad/ {
    /^      - name: ingress/ a\
\        max_replicas_per_node: 1 # a node without a replica has no proxy, and is never ready
    s/^\( *min_replicas: \)1$/\12 # as there are nodes for them; one may go at any time/
}
