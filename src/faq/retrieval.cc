// FactIndex: one temporary FTS5 table an instance. The query is built from words alone, so no operator of FTS5's query
// language can reach it.
#include "faq/retrieval.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <map>

#include "base/strings.h"
#include "faq/words.h"

namespace faqsmith {
namespace {

constexpr std::size_t kMaxQueryWords = 64;  // longer questions add time, not sense

// The same cuts as FTS5's unicode61: a phrase of several tokens would have to match as a whole.
std::vector<std::string> query_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || std::isalnum(byte) != 0) {
      word += c;
    } else if (!word.empty()) {
      words.push_back(lower_ascii(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(lower_ascii(word));
  return words;
}

std::string next_table_name() {
  static std::atomic<std::uint64_t> counter{0};
  return "fact_index_" + std::to_string(counter++);
}

// A heading path as search words. A question among its parents belongs to another fact and would draw that fact's
// searches here.
std::string own_heading(const FactRow& fact) {
  if (fact.origin == "harvest") return fact.heading;
  std::string own, rest = fact.heading;
  constexpr std::string_view kBetween = " > ";
  while (!rest.empty()) {
    const std::size_t end = rest.find(kBetween);
    const std::string part = rest.substr(0, end);
    rest = end == std::string::npos ? "" : rest.substr(end + kBetween.size());
    if (!part.ends_with("?")) own += (own.empty() ? "" : " ") + part;
  }
  return own;
}

}  // namespace

std::string fts_query(std::string_view question) {
  std::vector<std::string> words = query_words(question);
  std::vector<std::string> telling;
  for (const std::string& word : words)
    if (!is_stop_word(word)) telling.push_back(word);
  if (!telling.empty()) words = std::move(telling);
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  if (words.size() > kMaxQueryWords) words.resize(kMaxQueryWords);
  std::string query;
  for (const std::string& word : words) {
    if (!query.empty()) query += " OR ";
    query += '"' + word + '"';
  }
  return query;
}

std::vector<IndexedFact> indexed_facts(const std::vector<FactRow>& facts, const std::vector<PairRow>& pairs) {
  std::map<RowId, std::size_t> place;
  std::vector<IndexedFact> indexed;
  for (const FactRow& fact : facts) {
    place[fact.id] = indexed.size();
    indexed.push_back(
        {fact.id, own_heading(fact), fact.answer == fact.quote ? fact.answer : fact.answer + "\n" + fact.quote});
  }
  for (const PairRow& pair : pairs) {
    if (!pair.fact_id) continue;
    const auto found = place.find(*pair.fact_id);
    if (found != place.end()) indexed[found->second].questions += "\n" + pair.question;
  }
  return indexed;
}

FactIndex::FactIndex(Database& db, const std::vector<IndexedFact>& facts) : db_(db), table_(next_table_name()) {
  db_.execute("CREATE VIRTUAL TABLE temp." + table_ +
              " USING fts5(questions, answer, tokenize = 'porter unicode61 remove_diacritics 2')");
  Statement insert = db_.prepare("INSERT INTO temp." + table_ + " (rowid, questions, answer) VALUES (?, ?, ?)");
  for (const IndexedFact& fact : facts) {
    insert.bind(fact.id).bind(std::string_view(fact.questions)).bind(std::string_view(fact.answer)).run();
  }
  // bm25() is smaller for better matches; rank by (score, rowid) makes ties reproducible.
  query_ = std::make_unique<Statement>(db_.prepare("SELECT rowid, -bm25(" + table_ + ", 2.0, 1.0) AS score FROM temp." +
                                                   table_ + " WHERE " + table_ +
                                                   " MATCH ? ORDER BY score DESC, rowid LIMIT ?"));
}

FactIndex::~FactIndex() {
  query_.reset();
  try {
    db_.execute("DROP TABLE temp." + table_);
  } catch (const std::exception&) {
    // The connection is going away, and the temporary table with it.
    return;
  }
}

std::vector<FactHit> FactIndex::search(std::string_view question, int k) const {
  std::vector<FactHit> hits;
  const std::string query = fts_query(question);
  if (query.empty() || k <= 0) return hits;
  query_->bind(std::string_view(query)).bind(static_cast<std::int64_t>(k));
  while (query_->step()) hits.push_back({query_->integer(0), query_->real(1)});
  query_->reset();
  return hits;
}

}  // namespace faqsmith
