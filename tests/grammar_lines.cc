// A grammar for each line: {"schema": TEXT} or {"regex": TEXT}, with "seed", "walks" (how many random texts to make),
// "steps" (bytes of each before it is closed) and "texts" (to be judged). Answers {"made": [TEXT…], "accepted":
// [true…]} or {"refused": SENTENCE}.
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/rng.h"
#include "infer/grammar.h"

namespace {

using namespace faqsmith;
using Json = nlohmann::json;

// Random accepted bytes, printable ones more often, then the closing text.
std::string walk(const Grammar& grammar, Rng& rng, std::uint64_t n_steps) {
  GrammarState state(grammar);
  std::string text;
  for (std::uint64_t n = rng.below(n_steps); n > 0 && !state.must_end(); --n) {
    const std::size_t first = rng.below(4) > 0 ? 0x20 + rng.below(0x60) : rng.below(256);
    for (std::size_t i = 0; i < 256; ++i) {
      const char byte = static_cast<char>((first + i * 77) % 256);
      GrammarState next = state;
      if (!next.advance({&byte, 1})) continue;
      state = next;
      text += byte;
      break;
    }
  }
  return text + state.closing();
}

Json answer(const Json& line) {
  try {
    const Grammar grammar = line.contains("schema") ? Grammar(line["schema"].get<std::string>())
                                                    : Grammar::of_regex(line["regex"].get<std::string>());
    Rng rng(line.value("seed", std::uint64_t{1}));
    Json out = {{"made", Json::array()}, {"accepted", Json::array()}};
    for (int i = line.value("walks", 0); i > 0; --i)
      out["made"].push_back(walk(grammar, rng, line.value("steps", std::uint64_t{90})));
    for (const Json& text : line.value("texts", Json::array())) {
      GrammarState state(grammar);
      out["accepted"].push_back(state.advance(text.get<std::string>()) && state.may_end());
    }
    return out;
  } catch (const Error& e) {
    return {{"refused", e.what()}};
  }
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) std::cout << answer(Json::parse(line)).dump() << "\n";
}
