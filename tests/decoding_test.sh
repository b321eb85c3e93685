# ask's decoding flags: refusals without a model; with the default model, answers that have the form that was asked for.
source "$(dirname "$0")/lib.sh"

printf '{"type":"string","format":"date"}' >bad.json
printf '{"type":"object","properties":{"capital":{"type":"string","maxLength":20},"big":{"type":"boolean"}},"required":["capital","big"]}' >city.json
: >empty.json
run ask x --base --schema bad.json
claim "a schema that cannot be obeyed is a user error" exits 2
claim "keyword and place are named" err_has 'not supported: format at #'
claim "it is one error" one_error
run ask x --base --schema empty.json
claim "an empty schema is a user error" exits 2
run ask x --base --schema missing.json
claim "a missing schema fails" exits 1
run ask x --base --regex '(a)\1'
claim "a pattern that is no regular language is a user error" exits 2
claim "the part is named with its place" err_has 'character 4: a back-reference is not supported'
run ask x --base --regex 'a' --schema city.json
claim "two forms of one answer are a user error" exits 2
run ask x --base --n 4
claim "several draws without randomness are a user error" exits 2
claim "the other way is named" err_has '--n-best'
run ask x --base --n 1000000 --temperature 1
claim "too many replies are a user error" exits 2
run ask x --base --n-best -3
claim "a negative number of replies is a user error" exits 2
run ask x --base --n-best 2 --temperature 1
claim "n-best goes without randomness" exits 2
run ask x --base --length-penalty nan --n-best 2
claim "a length penalty is a number" exits 2
run ask x --base --min-p 2
claim "min-p is checked" err_has "min_p is '2'"
run ask x --base --min-p nan
claim "NaN is no share" exits 2

model=$(default_model)
if [ -z "$model" ]; then
  echo "the default model is not here: no answer was asked for"
  finish
  exit
fi
question='What is the capital of France?'
asked() { run ask "$question" --base --model "$model" --max-tokens 40 "$@"; }
# holds EXPRESSION: of the JSON answer a.
holds() { python3 -c "import json,re,sys; a=json.load(open(sys.argv[1])); sys.exit(not ($1))" "$SCRATCH/.out"; }

asked --regex '(Paris|London|Rome), [0-9]{3}'
claim "a pattern's answer matches it" python3 -c 'import re,sys; sys.exit(not re.fullmatch("(Paris|London|Rome), [0-9]{3}", sys.argv[1]))' "$out"
asked --json --schema city.json
claim "a schema's answer is JSON of its form" holds 'set(json.loads(a["answer"])) == {"capital", "big"}'
claim "the answer carries its log-probability" holds 'a["log_probability"] < 0'
asked --json --temperature 0.8 --n 3 --min-p 0.1 --log-probabilities
claim "three answers are drawn" holds 'len(a["replies"]) == 3 and a["answer"] == a["replies"][0]["answer"]'
claim "each token has a log-probability, and they add up" holds 'all(abs(sum(t["log_probability"] for t in r["tokens"]) - r["log_probability"]) < 1e-6 for r in a["replies"])'
first=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["answer"])' "$SCRATCH/.out")
asked --json --temperature 0.8 --min-p 0.1
claim "the first of several is what one draw gives" holds "a['answer'] == $(python3 -c 'import sys; print(repr(sys.argv[1]))' "$first")"
asked --json --n-best 3
claim "the likeliest replies fall" holds '[r["log_probability"] for r in a["replies"]] == sorted([r["log_probability"] for r in a["replies"]], reverse=True) and len(a["replies"]) == 3'
asked --n-best 2
claim "in a terminal each has its number" out_has '2. '
asked --json --logit-bias ' Paris=-100'
claim "a forbidden word is not said" holds '" Paris" not in a["answer"]'
asked --logit-bias 'many words at once=-1'
claim "a bias on several tokens is a user error" exits 2
claim "their ids are named" err_has 'tokens of this model ('
asked --logit-bias '99999999=-1'
claim "a token that is not there is a user error" exits 2
asked --logit-bias ' Paris=inf'
claim "an infinite bias is a user error" exits 2
asked --logit-bias ' Paris=1' --logit-bias ' Paris=2'
claim "a token has one bias" err_has 'twice'
printf '{"id": 1, "question": "%s"}\n{"id": 2, "question": "Is water wet?"}\n' "$question" >two.jsonl
run ask --batch two.jsonl --base --model "$model" --regex '(yes|no)' --out answers.jsonl
claim "a batch is held to the form too" python3 -c 'import json; assert all(json.loads(l)["answer"] in ("yes", "no") for l in open("answers.jsonl"))'
finish
