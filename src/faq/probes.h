// The shipped probes: small cases with a label that a person gave, on which every gate is measured (probes.jsonl beside
// this file, embedded in the binary). The facts behind them were written for this purpose.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace faqsmith {

struct ProbeFact {
  std::string question, answer;
};

enum class ProbeKind {
  Wording,  // a question that should (good) or should not (bad) train a fact
  Asked,    // likewise, where the document asks nothing itself: a teacher's, asked of the text
  Label,    // likewise, made by rule from a heading or a statement
  Answer,   // an answer that its fact's text bears out (good) or not (bad)
  Private,  // text without (good) or with (bad) private data
  Orders,   // text without (good) or with (bad) orders to a model
  Refuse,   // a question that no fact answers (good) or one does (bad)
};

struct Probe {
  ProbeKind kind = ProbeKind::Wording;
  std::string fact;  // key into ProbeSet::facts; empty for Private, Orders and Refuse
  std::string text;  // question, answer or text
  bool good = true;
  std::string gate;  // of a bad wording: which kind of gate should catch it: shape, invented, understanding,
                     // strays or bare_label
};

struct ProbeSet {
  std::map<std::string, ProbeFact> facts;
  std::vector<Probe> probes;
};

[[nodiscard]] ProbeSet read_probes(std::string_view jsonl);  // throws Error(Input) naming the line
[[nodiscard]] const ProbeSet& shipped_probes();

}  // namespace faqsmith
