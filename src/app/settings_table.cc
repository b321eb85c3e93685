// The table of all settings. A new setting is one line here and one line in stage_options.cc.
#include "app/settings.h"

namespace faqsmith {
namespace {

using enum SettingType;

constexpr Setting kSettings[] = {
    {"documents", List, "", 0, 0, "", "Files and folders to learn from; paths are relative to where faqsmith runs"},
    {"model", Text, "default", 0, 0, "",
     "The chat model to teach: 'default' (SmolLM2-135M-Instruct) or the path of a GGUF file"},
    {"teacher", Text, "", 0, 0, "", "The model that writes the questions; empty: the same as model"},
    {"seed", Integer, "7", 0, 9e15, "", "Every random choice follows from this number"},
    {"threads", Integer, "0", 0, 1024, "", "Threads to use; 0: all cores this process may use"},
    {"compute", Choice, "auto", 0, 0, "auto|f32|bf16",
     "Matrix products: bf16 where the processor has AMX or AVX512-BF16, else f32"},
    {"budget", Text, "", 0, 0, "",
     "Time that build may take, e.g. 20m; wordings and steps are scaled to fit; empty: no limit"},
    {"bot.topic", Text, "", 0, 0, "",
     "What the documents are about, e.g. 'the Debian system'; stands in the bot's system prompt, so changing it "
     "retrains"},
};

}  // namespace

std::span<const Setting> all_settings() {
  return kSettings;
}

}  // namespace faqsmith
