// Helper of tests/rouge_oracle_test.py: each line {"reference": …, "candidate": …} is answered by ROUGE-L and token F1.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/json_text.h"
#include "text/rouge.h"
#include "text/token_f1.h"

int main() {
  using nlohmann::json;
  for (std::string line; std::getline(std::cin, line);) {
    const json pair = faqsmith::parse_json(line);
    const std::string reference = pair.at("reference"), candidate = pair.at("candidate");
    const faqsmith::Rouge rouge = faqsmith::rouge_l(reference, candidate);
    std::cout << faqsmith::json_text(
                     json({rouge.precision, rouge.recall, rouge.f1, faqsmith::token_f1(reference, candidate)}))
              << "\n";
  }
}
