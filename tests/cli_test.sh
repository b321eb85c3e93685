# The command line: help, mistakes and their one sentence, exit codes, JSON.
source "$(dirname "$0")/lib.sh"

run --help
claim "--help succeeds" exits 0
claim "--help shows the two commands to know" out_has 'faqsmith build ./docs -w bot'
run
claim "no command is a user error" exits 2
run --version
claim "--version succeeds" exits 0
claim "--version names the processor's path" out_has 'cpu:'
claim "--version names oneDNN" out_has 'oneDNN: '
run --version --json
claim "--version --json is JSON" valid_json

for command in build ask chat collect generate curate split train evaluate export import status inspect doctor gates init config models completion help; do
  run "$command" --help
  claim "$command --help succeeds" exits 0
  claim "$command --help gives an example" out_has "faqsmith $command"
done

run bulid docs
claim "a misspelt command is a user error" exits 2
claim "a misspelt command gets a suggestion" err_has "did you mean 'faqsmith build'?"
claim "a misspelt command is one error" one_error
run status --jsn
claim "a misspelt flag gets a suggestion" err_has "did you mean '--json'?"
claim "a misspelt flag is a user error" exits 2
run ask one two
claim "a question without quotes is explained" err_has 'put the whole question in quotes'
run train --steps
claim "a flag without its value is a user error" exits 2
run models fetch
claim "an unknown action is a user error" exits 2

run status -w nowhere
claim "a missing workspace is a user error" exits 2
claim "a missing workspace says how to make one" err_has 'faqsmith build DOCS -w nowhere'
claim "a missing workspace is not created" test ! -e nowhere
run status -w nowhere --json
claim "an error is JSON with --json" valid_json_lines "$SCRATCH/.err"
claim "a JSON error carries the exit code" err_has '"exit_code":2'

run inspect "How?" --model nowhere.gguf
claim "a missing model is a user error" exits 2
claim "a missing model says what to do" err_has "'default'"
printf 'not a model' >wrong.gguf
run inspect "How?" --model wrong.gguf
claim "a wrong model is a failure" exits 1
claim "a wrong model is named" err_has wrong.gguf
claim "a wrong model is one error" one_error
mkdir folder.gguf
run inspect "How?" --model folder.gguf
claim "a folder without a model is a user error" exits 2
claim "it says what is missing" err_has config.json
printf '{"architectures": ["Qwen2ForCausalLM"]}' >folder.gguf/config.json
run inspect "How?" --model folder.gguf
claim "a folder with another architecture is a failure" exits 1
claim "the architecture is named" err_has Qwen2ForCausalLM
claim "it is one error" one_error
run doctor --model folder.gguf
claim "doctor finds a model that cannot be read" exits 1
claim "doctor names its architecture" out_has Qwen2ForCausalLM
run inspect "How?" --model folder.gguf/config.json
claim "one file of a folder is a user error" exits 2
claim "the folder is named" err_has 'name the folder: folder.gguf'
run init -w with_folder --model folder.gguf
claim "init keeps the model's folder" grep -q 'model: folder.gguf' with_folder/faqsmith.yaml

for command in doctor "models list" config; do
  # shellcheck disable=SC2086
  run $command --json
  claim "$command --json is JSON" valid_json
done
run doctor
claim "without a terminal there is no colour" test "${out#*$'\033'}" = "$out"
run help --man
claim "the man page names every command" out_has 'faqsmith inspect'

run --quiet config seed
claim "flags may stand before the command" exits 0
finish
