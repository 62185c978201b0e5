#!/usr/bin/env bash
# Serve the quickstart on this machine and measure it: short queries, documents, reranking, a burst.
set -euo pipefail
cd "$(dirname "$0")/.."
port=${PORT_BASE:-18080}
seconds=${SECONDS_EACH:-10}
results=${RESULTS:-bench/results}
mkdir -p "$results"

.venv/bin/retrieval run -f manifests/quickstart.yaml --port-base "$port" >"$results/server.log" 2>&1 &
server=$!
trap 'kill -INT $server; wait $server || true' EXIT
until grep -q "Ctrl-C stops" "$results/server.log"; do
  kill -0 $server || { cat "$results/server.log"; exit 1; }
  sleep 0.5
done

seed=0
measure() {  # name, port, arguments
  seed=$((seed + 1))  # no text of one load in another: the predictor remembers its answers
  .venv/bin/retrieval-bench run "http://127.0.0.1:$2" --duration "$seconds" --seed "$seed" "${@:3}" -o "$results/$1.json"
}
measure query-1 "$port" --dialect openai --workload q8 --concurrency 1
measure query-32 "$port" --dialect openai --workload q8 --concurrency 32
measure document-8 "$port" --dialect openai --workload d100 --concurrency 8
measure rerank-4 "$((port + 10))" --dialect rerank --workload d100 --texts 8 --concurrency 4
.venv/bin/retrieval-bench report "$results"/*.json -o "$results/report.html"
