// The test items of an evaluation and what their answers are judged against: references, sources, the search index.
// Internal to stages/evaluate.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "faq/choice.h"
#include "faq/metrics.h"
#include "faq/retrieval.h"
#include "stages/evaluate/evaluate.h"
#include "store/tables.h"

namespace faqsmith {

struct TestItem {
  PairRow pair;
  std::optional<FactRow> fact;
  std::string cluster;  // items of one cluster are drawn together by the bootstrap
};

// What the workspace knows, read once.
class TestMaterial {
 public:
  // Throws Error(User) if there is no test item.
  TestMaterial(Database& db, const EvaluateOptions& options);

  [[nodiscard]] const std::vector<TestItem>& items() const { return items_; }  // by part, then by hash: a stable order
  [[nodiscard]] std::string hash() const { return hash_; }  // of everything an answer's score depends on
  // The trained fact that search finds for a text; nothing if no word is shared.
  [[nodiscard]] std::optional<FactRow> search(const std::string& text) const;
  // The place of the answer that the bot gives.
  [[nodiscard]] std::size_t choose(const std::string& question, const std::vector<ConsideredAnswer>& answers) const {
    return chooser_->choose(question, answers);
  }
  // All scores of an answer but its loss. cited: the trained fact that the bot would name as its source.
  [[nodiscard]] std::map<std::string, double> score(const TestItem& item, const std::string& answer, bool refused,
                                                    const std::optional<FactRow>& cited) const;
  // Fills file, heading and quote.
  void add_source(const TestItem& item, EvaluatedItem& out) const;

 private:
  void select_items(Database& db, const EvaluateOptions& options);
  void fill_references();
  [[nodiscard]] std::string cluster_of(const FactRow& fact) const {
    return fact.cluster.empty() ? fact.key : fact.cluster;
  }

  std::map<RowId, FactRow> facts_;
  std::map<RowId, SectionRow> sections_;
  std::map<RowId, std::string> files_;
  std::vector<TestItem> items_;
  ReferencePool fact_references_, gold_references_;
  std::optional<FactIndex> index_;        // of facts that have a pair in train
  std::optional<AnswerChooser> chooser_;  // over the same facts
  std::string hash_;
};

}  // namespace faqsmith
