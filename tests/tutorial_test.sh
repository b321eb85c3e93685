# The tutorial's commands, in its order, with two small documents and a tiny random model: each must succeed.
here=$(cd "$(dirname "$0")" && pwd)
source "$here/lib.sh"
python=${FAQSMITH_PYTHON:-python3}
export OMP_WAIT_POLICY=passive # waiting threads sleep: quick on a busy machine too

mkdir docs
questions=(reset restart update rename lock unlock mount clean test pair replace recycle)
for word in "${questions[@]}"; do
  printf '## How do I %s the router?\n\nTo %s the router hold the %s button for %d seconds. The %s light then turns green.\n\n' \
    "$word" "$word" "$word" $((${#word} + 3)) "$word"
done >docs/router.md
sed -i '1i # The Quokka router\n' docs/router.md
cat >docs/box.html <<'HTML'
<html><head><title>What is in the box</title></head><body><h1>What is in the box</h1>
<p>The box holds the Quokka router, a power cable of two metres and a printed card with the first password.</p>
<p>The Quokka router weighs 310 grams. It runs at temperatures from 0 to 40 degrees.</p></body></html>
HTML
printf '{"id": 1, "question": "How do I reset it?"}\n{"id": 2, "question": "what does it weigh"}\n' >questions.jsonl
printf '{"question": "How heavy is the router?", "answer": "The Quokka router weighs 310 grams."}\n' >our-faq.jsonl

if "$python" -c 'import gguf, numpy' 2>/dev/null; then
  cat docs/* >text
  PYTHONPATH=$here "$python" "$here/tiny_model.py" tiny.gguf text || exit 1
  FAQSMITH_MODEL=$SCRATCH/tiny.gguf
elif [ -n "$(default_model)" ]; then
  FAQSMITH_MODEL=$(default_model)
else
  echo "SKIPPED: neither python's gguf (to write a tiny model) nor the default model is here"
  exit 77
fi
export FAQSMITH_MODEL

mkdir bin
ln -s "$FAQSMITH" bin/faqsmith
export PATH="$SCRATCH/bin:$PATH"
number=0
while IFS= read -r line; do
  if [[ $line == "faqsmith models pull" && -z $(default_model) ]]; then
    echo "not run, the default model is not in the cache: $line"
    continue
  fi
  number=$((number + 1))
  bash -c "$line" >.out 2>.err </dev/null
  code=$? out=$(cat .out) err=$(cat .err)
  if [[ $line == "faqsmith doctor" ]]; then
    claim "$line" test "$code" -le 1 # a machine with little memory is told so
  else
    claim "$line" exits 0
  fi
done < <(sed -n '/^```sh$/,/^```$/p' "$here/../docs/tutorial.md" | grep '^faqsmith')
claim "the tutorial has commands" test "$number" -ge 15

claim "the answers of --batch are JSON lines" valid_json_lines answers.jsonl
run ask -w bot "How do I reset the router?" --json
claim "ask --json is JSON" valid_json
claim "ask needs no topic: the bot remembers it" grep -q 'Quokka' bot/runs/bot.json
run status -w bot --json
claim "status --json is JSON" valid_json
run build -w bot --json
claim "build without documents uses those of faqsmith.yaml" exits 0
claim "build --json is JSON" valid_json
cp "$SCRATCH/.err" events
claim "its progress is JSON lines" valid_json_lines events
run chat -w bot
claim "chat ends with its input" exits 0
run export -w bot f32 --json
claim "a tuned model is exported and compared" exits 0
finish
