// What must not be trained on: secrets, card numbers, e-mail addresses; and text that gives orders to models.
// Promise: linear time on any bytes. Non-goal: names of people, which a FAQ may rightly hold.
#pragma once
#include <map>
#include <string>
#include <string_view>

namespace faqsmith {

struct Redacted {
  std::string text;                  // each finding replaced by "[e-mail]", "[card number]" or "[secret]"
  std::map<std::string, int> found;  // e_mail, card_number, secret -> how often
};
// Card numbers: 13 to 19 digits, spaces or dashes between them allowed, that satisfy the Luhn check. Secrets: AWS
// access keys, private key blocks, GitHub and OpenAI style tokens, "password = …" and the like.
[[nodiscard]] Redacted redact(std::string_view text);

// Text that tries to steer a model ("ignore previous instructions") or forges a ChatML turn. Documents about other chat
// formats may show those formats' tokens: they are encoded as plain characters anyway.
[[nodiscard]] bool looks_like_injection(std::string_view text);

}  // namespace faqsmith
