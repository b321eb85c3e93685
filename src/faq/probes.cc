// Reads probes.jsonl.
#include "faq/probes.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_text.h"
#include "base/strings.h"

namespace faqsmith {
namespace embedded {
extern const std::string_view probes_jsonl;
}

namespace {

ProbeKind kind_of(const std::string& name) {
  static const std::map<std::string, ProbeKind> kKinds = {
      {"wording", ProbeKind::Wording}, {"asked", ProbeKind::Asked},     {"label", ProbeKind::Label},
      {"answer", ProbeKind::Answer},   {"private", ProbeKind::Private}, {"orders", ProbeKind::Orders},
      {"refuse", ProbeKind::Refuse}};
  return kKinds.at(name);
}

void read_line(const nlohmann::json& row, ProbeSet& set) {
  const auto text = [&row](const char* field) { return row.value(field, std::string()); };
  if (text("kind") == "fact") {
    set.facts[row.at("fact")] = {row.at("question"), row.at("answer")};
    return;
  }
  Probe probe;
  probe.kind = kind_of(text("kind"));
  probe.fact = text("fact");
  probe.text = text("text") + (probe.kind == ProbeKind::Answer ? text("answer") : text("question"));
  probe.good = row.at("label").get<std::string>() == "good";
  probe.gate = text("gate");
  if (!probe.fact.empty()) (void)set.facts.at(probe.fact);
  set.probes.push_back(std::move(probe));
}

}  // namespace

ProbeSet read_probes(std::string_view jsonl) {
  ProbeSet set;
  std::size_t number = 0;
  for (const std::string_view line : split(jsonl, '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    try {
      read_line(parse_json(line), set);
    } catch (const std::exception& e) {
      throw Error(Kind::Input, fmt::format("line {} of the probes cannot be read: {}", number, e.what()),
                  "a probe names its kind, its label and, for wordings and answers, a fact defined above it");
    }
  }
  return set;
}

const ProbeSet& shipped_probes() {
  static const ProbeSet kProbes = read_probes(embedded::probes_jsonl);
  return kProbes;
}

}  // namespace faqsmith
