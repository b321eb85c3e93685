// Search over facts: SQLite's FTS5 with BM25 (Robertson and Zaragoza 2009), in temporary tables of a connection.
// Promise: any bytes are a safe query; equal scores come in id order. Non-goal: semantic search.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "store/records.h"

namespace faqsmith {

struct IndexedFact {
  RowId id = 0;
  std::string questions;  // heading and known wordings, one a line; weighs twice as much as the answer
  std::string answer;     // answer and quote
};
// One entry a fact: its heading, its answer, and the questions of the pairs that belong to it (any pairs may be
// passed).
[[nodiscard]] std::vector<IndexedFact> indexed_facts(const std::vector<FactRow>& facts,
                                                     const std::vector<PairRow>& pairs = {});

struct FactHit {
  RowId id = 0;
  double score = 0;  // BM25, higher is better, > 0
};

class FactIndex {
 public:
  // Keeps a reference to db; the index lives in db's temp schema and goes away with this object. One thread.
  FactIndex(Database& db, const std::vector<IndexedFact>& facts);
  ~FactIndex();
  FactIndex(const FactIndex&) = delete;
  FactIndex& operator=(const FactIndex&) = delete;

  // The k best facts that share at least one word with the question; stop words count only if nothing else is there.
  [[nodiscard]] std::vector<FactHit> search(std::string_view question, int k) const;

 private:
  Database& db_;
  std::string table_;
  mutable std::unique_ptr<Statement> query_;
};

// The question as an FTS5 expression: words quoted and joined by OR; empty if it holds no word.
[[nodiscard]] std::string fts_query(std::string_view question);

}  // namespace faqsmith
