// The curate stage: every pair gets a verdict, the scores behind it, and the names of the gates that it failed. Nothing
// is deleted. Gates: shape and privacy rules, evidence, duplicates, decontamination, and whether the wording is
// understood as its own fact (search, or likelihood of the answer). Of the wordings that pass, the best few of each
// fact are kept.
#pragma once
#include <cstdint>
#include <string>

#include "llm/chat_model.h"
#include "stages/stage.h"

namespace faqsmith {

struct CurateOptions {
  std::uint64_t seed = 1;
  std::string topic;            // as the bot will be told
  int keep_per_fact = 12;       // teacher wordings
  int keep_per_statement = 1;   // the same, of a fact without a question of its own, where documents ask hardly any
  int score_per_fact = 32;      // of these the likelihood is measured; 0 switches that signal off
  double min_gain_share = 0.5;  // likelihood gain of a wording over that of the original question
  double distinct_below = 0.7;  // ROUGE-L between wordings of one fact
};

// Names of verdict reasons that come from comparisons rather than rules.
namespace gate {
inline constexpr const char* kNotUnderstood = "not_understood";  // neither search nor likelihood finds its own fact
inline constexpr const char* kNearDuplicate = "near_duplicate";  // too close to a better wording of the same fact
inline constexpr const char* kOtherFact = "duplicate_of_other_fact";  // another fact claims the same question
inline constexpr const char* kDuplicateFact = "duplicate_fact";       // its fact says what an earlier one says
inline constexpr const char* kNotAmongBest = "not_among_best";        // passed, but others were better
inline constexpr const char* kHeldOut = "in_held_out_set";            // (nearly) a question of the held-out gold set
inline constexpr const char* kPrivate = "private_data";
inline constexpr const char* kInjection = "orders_to_a_model";
inline constexpr const char* kStrays = "strays";           // most of its words are not in the text that it was asked of
inline constexpr const char* kBareLabel = "bare_label";    // asks for many facts, or for "this"
inline constexpr const char* kInvented = "invented_term";  // a number or name that its source lacks
inline constexpr const char* kGarbled = "garbled_word";    // a word that neither the documents nor the language has
inline constexpr const char* kAnswerable = "maybe_answerable";  // a question to refuse that a fact may answer
}  // namespace gate

// Counts: judged, kept, rejected, kept_facts, clusters, and "rejected <reason>" for each reason.
[[nodiscard]] StageReport curate(Workspace& workspace, const CurateOptions& options, ChatModel& judge,
                                 Reporter& reporter);

}  // namespace faqsmith
