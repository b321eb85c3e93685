// Each gate is asked exactly as curation asks it.
#include "stages/curate/gates.h"

#include <algorithm>

#include "faq/evidence.h"
#include "faq/privacy.h"
#include "faq/question_shape.h"
#include "faq/unanswerable.h"
#include "stages/curate/judge.h"
#include "stages/curate/likelihood.h"

namespace faqsmith {
namespace {

// Counts verdicts of one gate.
struct Tally {
  GateQuality quality;
  void add(bool good, bool passed) {
    ++(good ? quality.n_good : quality.n_bad);
    if (good && passed) ++quality.good_passed;
    if (!good && !passed) ++quality.bad_caught;
  }
};

std::vector<FactRow> fact_rows(const ProbeSet& probes, std::map<std::string, RowId>& ids) {
  std::vector<FactRow> rows;
  for (const auto& [name, fact] : probes.facts) {
    FactRow row;
    row.id = ids[name] = static_cast<RowId>(rows.size() + 1);
    row.origin = "harvest";
    row.heading = fact.question;
    row.answer = row.quote = fact.answer;
    rows.push_back(std::move(row));
  }
  return rows;
}

Tally rule_gate(const char* name, const ProbeSet& probes, ProbeKind kind, const auto& passes) {
  Tally tally;
  tally.quality.gate = name;
  for (const Probe& probe : probes.probes)
    if (probe.kind == kind && (probe.gate.empty() || probe.gate == name)) tally.add(probe.good, passes(probe));
  return tally;
}

// Of both kinds of wordings that it judges.
GateQuality bare_label_gate(const ProbeSet& probes, const FactIndex& index, const std::map<std::string, RowId>& ids) {
  Tally tally;
  tally.quality.gate = gate::kBareLabel;
  for (const Probe& probe : probes.probes) {
    if (probe.kind == ProbeKind::Label) {
      const auto hits = index.search(probe.text, 1);
      const bool found_first = !hits.empty() && hits.front().id == ids.at(probe.fact);
      tally.add(probe.good, !is_bare_label(probe.text, found_first ? 1 : 0));
    } else if (probe.kind == ProbeKind::Asked && probe.gate != gate::kStrays) {
      tally.add(probe.good, !asks_about_a_pronoun(probe.text));
    }
  }
  return tally.quality;
}

// Wording probes that are good, and those that this kind of gate is meant to catch.
std::vector<const Probe*> wordings_for(const ProbeSet& probes, std::string_view gate) {
  std::vector<const Probe*> chosen;
  for (const Probe& probe : probes.probes)
    if (probe.kind == ProbeKind::Wording && (probe.good || probe.gate == gate)) chosen.push_back(&probe);
  return chosen;
}

// What curation would know about each probe.
std::vector<Fit> fits_of(const ProbeSet& probes, const std::vector<const Probe*>& wordings, const std::string& topic,
                         ChatModel* judge, const FactIndex& index, const std::map<std::string, RowId>& ids) {
  std::vector<QuestionAnswer> asked;
  for (const Probe* probe : wordings) asked.push_back({probe->text, probes.facts.at(probe->fact).answer});
  for (const Probe* probe : wordings)
    asked.push_back({probes.facts.at(probe->fact).question, probes.facts.at(probe->fact).answer});
  const std::vector<double> gains = judge == nullptr ? std::vector<double>() : likelihood_gains(*judge, topic, asked);
  std::vector<Fit> fits;
  for (std::size_t i = 0; i < wordings.size(); ++i) {
    Fit fit;
    const auto hits = index.search(wordings[i]->text, 10);
    for (std::size_t k = 0; k < hits.size(); ++k)
      if (hits[k].id == ids.at(wordings[i]->fact)) fit.search_rank = static_cast<int>(k + 1);
    fit.shared_words = shared_words(wordings[i]->text, probes.facts.at(wordings[i]->fact).question);
    if (!gains.empty()) {
      const double anchor = gains[wordings.size() + i];
      fit.gain_share = gain_share_of(gains[i], anchor);
      fit.telling_anchor = anchor >= kTellingGain;
    }
    fits.push_back(fit);
  }
  return fits;
}

void add_understanding(const ProbeSet& probes, const CurateOptions& options, ChatModel* judge, const FactIndex& index,
                       const std::map<std::string, RowId>& ids, std::vector<GateQuality>& out) {
  const std::vector<const Probe*> wordings = wordings_for(probes, "understanding");
  const std::vector<Fit> fits = fits_of(probes, wordings, options.topic, judge, index, ids);
  Tally search, likelihood, understood;
  search.quality.gate = "search";
  likelihood.quality.gate = "likelihood";
  understood.quality.gate = "understood";
  for (std::size_t i = 0; i < wordings.size(); ++i) {
    const bool good = wordings[i]->good;
    search.add(good, fits[i].search_rank == 1);
    likelihood.add(good, fits[i].gain_share.value_or(0) >= options.min_gain_share);
    understood.add(good, is_understood(fits[i], options.min_gain_share));
  }
  out.push_back(search.quality);
  if (judge == nullptr) return;
  out.push_back(likelihood.quality);
  out.push_back(understood.quality);
}

}  // namespace

double GateQuality::precision() const {
  const int rejected = n_good - good_passed + bad_caught;
  return rejected == 0 ? 1.0 : static_cast<double>(bad_caught) / rejected;
}
double GateQuality::recall() const {
  return n_bad == 0 ? 1.0 : static_cast<double>(bad_caught) / n_bad;
}
double GateQuality::passes_good() const {
  return n_good == 0 ? 1.0 : static_cast<double>(good_passed) / n_good;
}

std::vector<GateQuality> measure_gates(const ProbeSet& probes, const CurateOptions& options, ChatModel* judge,
                                       Database& scratch) {
  std::map<std::string, RowId> ids;
  const std::vector<FactRow> facts = fact_rows(probes, ids);
  const FactIndex index(scratch, indexed_facts(facts));
  const std::string name = main_name(facts);
  std::vector<GateQuality> out;
  Tally shape, invented;
  shape.quality.gate = "shape";
  invented.quality.gate = gate::kInvented;
  for (const Probe* probe : wordings_for(probes, "shape")) {
    const std::string& answer = probes.facts.at(probe->fact).answer;
    shape.add(probe->good, question_faults(probe->text, answer, answer).empty());
  }
  // Names of other facts count as known, as those of the same document do.
  std::string all;
  for (const FactRow& fact : facts) all += fact.heading + "\n" + fact.answer + "\nDebian\n";
  for (const Probe* probe : wordings_for(probes, "invented"))
    invented.add(probe->good, invented_terms(probe->text, all).empty());
  out.push_back(shape.quality);
  out.push_back(invented.quality);
  add_understanding(probes, options, judge, index, ids, out);
  out.push_back(rule_gate(gate::kStrays, probes, ProbeKind::Asked, [&](const Probe& probe) {
                  const ProbeFact& fact = probes.facts.at(probe.fact);
                  return !strays(probe.text, fact.question + "\n" + fact.answer);
                }).quality);
  out.push_back(bare_label_gate(probes, index, ids));
  out.push_back(rule_gate("evidence", probes, ProbeKind::Answer, [&](const Probe& probe) {
                  const ProbeFact& fact = probes.facts.at(probe.fact);
                  return evidence_faults(probe.text, fact.answer, fact.answer, fact.question).empty();
                }).quality);
  out.push_back(rule_gate(gate::kPrivate, probes, ProbeKind::Private, [](const Probe& probe) {
                  return redact(probe.text).found.empty();
                }).quality);
  out.push_back(rule_gate(gate::kInjection, probes, ProbeKind::Orders, [](const Probe& probe) {
                  return !looks_like_injection(probe.text);
                }).quality);
  out.push_back(rule_gate(gate::kAnswerable, probes, ProbeKind::Refuse, [&](const Probe& probe) {
                  return !maybe_answerable(probe.text, name, index, facts);
                }).quality);
  return out;
}

}  // namespace faqsmith
