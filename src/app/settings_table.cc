// The table of all settings. A new setting is one line here and one line in stage_options.cc.
#include "app/settings.h"

namespace faqsmith {
namespace {

using enum SettingType;

constexpr std::string_view kFromStage = kStageDefault;  // the default stands in the stage's options struct

constexpr Setting kSettings[] = {
    {"documents", List, "", 0, 0, "", "Files and folders to learn from; paths are relative to where faqsmith runs"},
    {"model", Text, "default", 0, 0, "",
     "The chat model to teach: 'default' (SmolLM2-135M-Instruct), or the path of a GGUF file or a Hugging Face folder"},
    {"teacher", Text, "", 0, 0, "", "The model that writes the questions; empty: the same as model"},
    {"seed", Integer, "7", 0, 9e15, "", "Every random choice follows from this number"},
    {"threads", Integer, "0", 0, 1024, "", "Threads to use; 0: all cores this process may use"},
    {"compute", Choice, "auto", 0, 0, "auto|f32|bf16",
     "Matrix products: bf16 where the processor has AMX or AVX512-BF16, else f32"},
    {"budget", Text, "", 0, 0, "",
     "Time that build may take, e.g. 20m; wordings and steps are scaled to fit; empty: no limit"},
    {"infer.deterministic", Switch, "true", 0, 0, "",
     "An answer is the same, bit by bit, whatever else is computed beside it; false: only the same batch gives the "
     "same "
     "bits"},
    {"infer.weights", Choice, "blocks", 0, 0, "packed|blocks|quantised",
     "How models answer: blocks: straight from a GGUF file's quantised blocks, other tensors in 16 bits; quantised: "
     "those rounded to 8 bits; packed: all weights in bf16, or in f32 where the processor multiplies no bf16"},
    {"bot.max_tokens", Integer, "128", 8, 1024, "", "Longest answer that ask and chat give, in tokens"},
    {"bot.temperature", Number, "0", 0, 2, "", "Randomness of ask and chat; 0: always the likeliest token"},
    {"bot.min_p", Number, "0", 0, 1, "",
     "With a temperature: tokens less likely than this share of the likeliest are left out; 0: off"},
    {"bot.candidates", Integer, "0", 0, 32, "",
     "Answers that the tuned bot considers; search over the trained facts helps to choose one. 1: its first, word by "
     "word; 0: 8 for models below 0.5B parameters, else 1"},
    {"bot.adapter", Text, "", 0, 0, "",
     "ask and chat answer with the model and this adapter (PEFT folder, GGUF adapter, workspace that exported one), "
     "not "
     "with what was trained here"},
    {"bot.topic", Text, "", 0, 0, "",
     "What the documents are about, e.g. 'the Debian system'; stands in the bot's system prompt, so changing it "
     "retrains"},

    {"collect.section_tokens", Integer, kFromStage, 64, 8192, "",
     "Largest section, in tokens of the teacher; a larger passage is split"},
    {"collect.join_below_tokens", Integer, kFromStage, 0, 1024, "",
     "Smaller neighbours under one parent heading are joined"},
    {"collect.max_file_mib", Integer, "64", 1, 4096, "", "A larger file is rejected"},
    {"collect.max_sections_per_file", Integer, kFromStage, 1, 1000000, "",
     "One file does not flood the set: the rest is left out and said"},

    {"generate.examples", List, "", 0, 0, "", "Questions as your users word them; the teacher imitates their style"},
    {"generate.samples_per_fact", Integer, kFromStage, 1, 256, "",
     "Wordings asked of the teacher for each fact; the gates keep the best"},
    {"generate.rule_wordings", Integer, kFromStage, 0, 64, "", "Wordings made by rule for each fact"},
    {"generate.temperature", Number, kFromStage, 0, 2, "", "Randomness of the teacher"},
    {"generate.top_p", Number, kFromStage, 0.05, 1, "", "Share of probability that the teacher draws from"},
    {"generate.question_tokens", Integer, kFromStage, 8, 256, "", "Longest question the teacher may write, in tokens"},
    {"generate.answer_tokens", Integer, kFromStage, 16, 512, "",
     "Longest answer, in tokens; a longer one becomes several facts"},
    {"generate.more_facts", Integer, kFromStage, 0, 16, "",
     "Facts of a section whose heading asks, beside the one that answers it"},
    {"generate.tokens_per_fact", Integer, kFromStage, 8, 1024, "",
     "One fact for so many tokens of a section that asks nothing"},
    {"generate.max_facts", Integer, kFromStage, 1, 100000, "",
     "Facts of all sections together; they share them by size"},
    {"generate.unanswerable", Integer, kFromStage, 0, 10000, "", "Questions that the bot learns to refuse"},
    {"generate.facts_per_batch", Integer, kFromStage, 1, 64, "",
     "Facts in one batch of the teacher; sets memory and what an interrupt can lose"},

    {"curate.keep_per_fact", Integer, kFromStage, 1, 256, "",
     "Wordings of the teacher that are kept for each fact, the best ones"},
    {"curate.keep_per_statement", Integer, kFromStage, 0, 256, "",
     "The same for a fact without a question of its own, in documents that ask hardly any"},
    {"curate.score_per_fact", Integer, kFromStage, 0, 256, "",
     "Wordings of each fact whose likelihood is measured; 0: search alone decides"},
    {"curate.min_gain_share", Number, kFromStage, 0, 2, "",
     "Least likelihood gain of a wording, as a share of the original question's"},
    {"curate.distinct_below", Number, kFromStage, 0.1, 1, "",
     "ROUGE-L from which two wordings of a fact are duplicates"},

    {"split.unseen_facts", Number, kFromStage, 0, 0.5, "",
     "Share of the facts that are held out whole, to test what was never trained"},
    {"split.reworded", Number, kFromStage, 0, 0.5, "",
     "Share of the wordings that are held out, to test trained facts"},
    {"split.validation", Number, kFromStage, 0, 0.5, "", "Share of the wordings that choose the best checkpoint"},
    {"split.refusal_test", Number, kFromStage, 0, 0.9, "", "Share of the unanswerable questions that are held out"},
    {"split.min_quality", Number, kFromStage, 0, 2, "", "Least likelihood gain of a wording that tests"},

    {"train.method", Choice, "auto", 0, 0, "auto|full|lora|qlora",
     "auto: full below 0.5B parameters, LoRA above; qlora: LoRA over weights in 4 bits"},
    {"train.base_memory", Choice, "auto", 0, 0, "auto|packed|streamed",
     "Frozen weights of LoRA: packed once (fast), or streamed from the file a layer at a time; auto: what fits"},
    {"train.adapter", Text, "", 0, 0, "",
     "An adapter to go on from: a PEFT folder, a GGUF adapter, or a workspace that exported one; rank, alpha and "
     "targets "
     "are its own. Empty: a new one"},
    {"train.learning_rate", Number, kFromStage, 0, 1, "", "Peak learning rate; 0: 4e-4 for full, 1e-3 for LoRA"},
    {"train.schedule", Choice, "cosine", 0, 0, "cosine|linear|constant",
     "How the learning rate falls after the warm-up"},
    {"train.warmup_ratio", Number, kFromStage, 0, 0.9, "", "Share of the steps in which the learning rate rises"},
    {"train.weight_decay", Number, kFromStage, 0, 1, "",
     "Decoupled weight decay of the matrices; never on norms and biases"},
    {"train.decay_embedding", Switch, "true", 0, 0, "", "Weight decay also on the embedding (full fine-tuning)"},
    {"train.question_weight", Number, kFromStage, 0, 1, "", "Weight of the loss on the question's own tokens"},
    {"train.vary_questions", Number, kFromStage, 0, 1, "",
     "Share of the training questions that are replaced by a careless version (synonyms, words left out)"},
    {"train.openings", Number, kFromStage, 0, 1, "",
     "Share of the reworded rows that only train the opening of the answer: more rows in the same time"},
    {"train.opening_tokens", Integer, kFromStage, 4, 1024, "", "How much of the answer such a row trains, in tokens"},
    {"train.clip_norm", Number, kFromStage, 0, 1000, "", "Largest global norm of the gradient; 0: off"},
    {"train.steps", Integer, kFromStage, 0, 1000000, "", "Optimizer steps; 0: train.epochs decides"},
    {"train.epochs", Number, kFromStage, 0.01, 1000, "", "Passes over the training pairs, if train.steps is 0"},
    {"train.rows_per_step", Integer, kFromStage, 1, 4096, "", "Pairs in one optimizer step"},
    {"train.tokens_per_step", Integer, kFromStage, 0, 1000000, "",
     "If above 0: a step takes pairs up to so many tokens instead"},
    {"train.micro_tokens", Integer, kFromStage, 128, 1000000, "",
     "Tokens of one forward and backward pass; sets memory, not the result"},
    {"train.max_length", Integer, kFromStage, 32, 131072, "",
     "Longest training pair, in tokens; a longer one is never cut"},
    {"train.drop_long", Switch, "false", 0, 0, "",
     "What a longer pair does: false, training stops and names it; true, it is left out and named"},
    {"train.validate_every", Integer, kFromStage, 1, 100000, "", "Steps between two validations"},
    {"train.patience", Integer, kFromStage, 0, 1000, "",
     "Validations without improvement before training stops; 0: never"},
    {"train.save_every", Integer, kFromStage, 1, 100000, "", "Steps between two resumable checkpoints"},
    {"train.keep_runs", Integer, kFromStage, 1, 1000, "",
     "Run folders (checkpoints) that stay when a new run is finished, the newest ones"},

    {"lora.rank", Integer, kFromStage, 1, 1024, "", "Rank of the adapter"},
    {"lora.alpha", Number, kFromStage, 0.01, 10000, "", "Scale of the adapter is alpha / rank"},
    {"lora.dora", Switch, "false", 0, 0, "", "DoRA: the length of each weight row is trained apart; no dropout"},
    {"lora.rslora", Switch, "false", 0, 0, "", "Rank-stabilised: the scale is alpha / sqrt(rank) instead"},
    {"lora.dropout", Number, kFromStage, 0, 0.9, "", "Dropout before the adapter's A"},
    {"lora.targets", List, "q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj", 0, 0, "",
     "Modules that get an adapter: linears by name, all-linear, ends of names (3.mlp.up_proj), or regular expressions "
     "for whole names (model.layers.3.self_attn.q_proj), as PEFT's target_modules"},
    {"lora.layers", List, "", 0, 0, "", "Layers that get an adapter, from 0: 0-5, 20-, 7; empty: all"},

    {"export.hf_type", Choice, "f32", 0, 0, "f32|bf16|f16", "Number format of the exported Hugging Face folder"},
    {"export.hf_shard_gb", Number, kFromStage, 0.001, 1000, "",
     "A larger Hugging Face folder is cut into files of at most so many GB"},

    {"evaluate.limit_per_part", Integer, kFromStage, 0, 100000, "",
     "Test questions of each part, chosen by hash; 0: all"},
    {"evaluate.max_tokens", Integer, kFromStage, 8, 1024, "", "Longest answer, in tokens"},
};

}  // namespace

std::span<const Setting> all_settings() {
  return kSettings;
}

}  // namespace faqsmith
