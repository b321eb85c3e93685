// From a JSON schema to grammar nodes. Every place of the schema becomes one node, so recursion costs nothing; a
// worklist instead of recursion, so no schema is too deep. Private to infer/.
#pragma once
#include <deque>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "infer/grammar.h"

namespace faqsmith {

class SchemaCompiler {
 public:
  using Json = nlohmann::ordered_json;  // keys keep the schema's order
  SchemaCompiler(Grammar& grammar, const Json& document, const AutomatonLimits& limits)
      : grammar_(grammar), document_(document), budget_{.limits = limits} {}
  void compile();  // throws Error(User)

 private:
  struct Pending {
    int node = 0;
    const Json* schema = nullptr;
    std::string place = {};  // a JSON pointer as a fragment: "#/properties/x"
    std::string type = {};   // empty: what the schema says
  };
  struct OneOf {
    std::vector<int> branches;
    std::string place;
  };

  int reserve(const Json& schema, const std::string& place, const std::string& type = "");
  // Follows $ref and allOf of one; where that ends, in the document.
  [[nodiscard]] std::pair<const Json*, std::string> resolve(const Json* schema, std::string place) const;
  [[nodiscard]] std::pair<const Json*, std::string> follow(const std::string& reference,
                                                           const std::string& place) const;

  void fill(const Pending& pending);
  GrammarNode make_node(const Pending& pending);
  GrammarNode make_any_of(const Json& schema, const std::string& place);
  GrammarNode make_types(const Json& schema, const std::string& place);
  GrammarNode make_enum(const Json& schema, const std::string& place);
  GrammarNode make_string(const Json& schema, const std::string& place);
  GrammarNode make_integer(const Json& schema, const std::string& place);
  GrammarNode make_number(const Json& schema, const std::string& place);
  GrammarNode make_array(const Json& schema, const std::string& place);
  GrammarNode make_object(const Json& schema, const std::string& place);
  GrammarNode literals(std::vector<std::string> texts, const std::string& place);
  template <class Add>
  GrammarNode automaton(const std::string& place, const std::string& if_empty, Add add);

  // After all nodes are made:
  void flatten_branches();
  void measure();  // the shortest text of each node
  bool measure(GrammarNode& node) const;
  void check_one_of() const;
  [[nodiscard]] std::vector<int> leaves(int node) const;
  [[nodiscard]] bool disjoint(int a, int b, bool look_inside) const;
  [[nodiscard]] unsigned first_letters(const GrammarNode& node) const;

  Grammar& grammar_;
  const Json& document_;
  mutable AutomatonBudget budget_;
  std::map<std::pair<const Json*, std::string>, int> known_;
  std::deque<Pending> pending_;
  std::vector<std::string> places_;  // by node
  std::vector<OneOf> one_of_;
};

}  // namespace faqsmith
