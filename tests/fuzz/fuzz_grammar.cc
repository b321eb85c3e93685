// Any bytes as a JSON schema or a regular expression, then any bytes as a text of it. Refused with Error(User), or:
// what closing() adds to an accepted beginning makes it whole, and JSON parses it.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "infer/grammar.h"

namespace {

using namespace faqsmith;

// A hundredth of what users have: the same code, and no input that takes seconds under the sanitizers.
constexpr AutomatonLimits kSmall = {.states = 2'000, .work = 100'000, .building = 2'000};

void check(const Grammar& grammar, const GrammarState& begun, const std::string& text, bool json) {
  const std::string whole = text + begun.closing();
  GrammarState again(grammar);
  if (!again.advance(whole) || !again.may_end()) std::abort();
  if (json && !nlohmann::json::accept(whole)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const bool json = (data[0] & 1) != 0;
  const std::size_t length = std::min<std::size_t>(size - 3, data[1] + 256u * data[2]);
  const std::string_view rest(reinterpret_cast<const char*>(data) + 3, size - 3);
  try {
    const Grammar grammar =
        json ? Grammar(rest.substr(0, length), kSmall) : Grammar::of_regex(rest.substr(0, length), kSmall);
    GrammarState state(grammar);
    std::string text;
    check(grammar, state, text, json);
    // A byte that may not follow is passed over; so any bytes walk.
    for (const char byte : rest.substr(length, 200)) {
      GrammarState next = state;
      if (!next.advance({&byte, 1})) continue;
      state = next;
      text += byte;
    }
    check(grammar, state, text, json);
  } catch (const Error& e) {
    if (e.kind() != Kind::User) throw;
  }
  return 0;
}
