# A workspace that another run holds, and files that are wrong: one sentence, nothing lost.
source "$(dirname "$0")/lib.sh"

printf '{"question": "How do cats land?", "answer": "On their feet."}\n{"question": "What is a cat?", "answer": "A small animal."}\n' >rows.jsonl
run import rows.jsonl -w bot
claim "import makes the workspace" exits 0
claim "import counts its rows" out_has 'rows 2'
run status -w bot --json
claim "status --json is JSON" valid_json
run export -w bot --data faq --parts all --out back.jsonl
claim "what is not judged is not exported" exits 2
run import missing.jsonl -w bot
claim "a missing data file fails" exits 1
printf '{"question": "x", "answer": "y"}\n{broken\n' >bad.jsonl
run import bad.jsonl -w bot
claim "a broken row fails" exits 1
claim "a broken row is named by its line" err_has 'bad.jsonl'
run export -w bot --data shargpt
claim "an unknown format gets a suggestion" err_has "did you mean 'sharegpt'?"

# A second writer while the lock is held.
python3 - bot/.lock <<'PY' &
import fcntl, struct, sys, time
lock = open(sys.argv[1], "r+")
F_OFD_SETLK = 37
fcntl.fcntl(lock, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
open("held", "w").close()
time.sleep(30)
PY
holder=$!
for _ in $(seq 100); do [ -e held ] && break; sleep 0.05; done
run import rows.jsonl -w bot
claim "a second run in a workspace is refused" exits 1
claim "a second run is told to wait" err_has 'another faqsmith'
run status -w bot
claim "status runs beside it" exits 0
kill "$holder" 2>/dev/null
wait "$holder" 2>/dev/null
run import rows.jsonl -w bot
claim "afterwards the workspace is free" exits 0

run ask "How do cats land?" -w bot --model nowhere.gguf
claim "asking with a missing model is a user error" exits 2
if [ -n "$(default_model)" ]; then
  export FAQSMITH_MODEL
  FAQSMITH_MODEL=$(default_model)
  run ask "How do cats land?" -w bot
  claim "asking before training is a user error" exits 2
  claim "asking before training says what to do" err_has 'faqsmith train'
  printf '{"id": 1, "question": "x"}\n\n{"id": 2}\n' >questions.jsonl
  run ask --batch questions.jsonl -w bot
  claim "a malformed question fails" exits 1
  claim "a malformed question is named by its line" err_has 'questions.jsonl line 3'
fi
finish
