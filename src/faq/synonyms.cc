// The table. A word may stand in several groups; its synonyms are those of all of them.
#include "faq/synonyms.h"

#include <array>
#include <unordered_map>
#include <vector>

#include "base/strings.h"

namespace faqsmith {
namespace {

// Members are separated by "|"; a member may be a phrase (a replacement only).
constexpr std::array kGroups = {
    "get|obtain|download|fetch",
    "remove|delete|uninstall|get rid of",
    "install|set up|add",
    "find|locate|look up|see",
    "show|list|display|print",
    "update|upgrade|bring up to date",
    "change|modify|edit|adjust",
    "create|make|build",
    "use|run|work with",
    "contain|include",
    "contains|includes",
    "prevent|stop|avoid",
    "report|announce",
    "mean|stand for",
    "difference|distinction",
    "choose|pick|select|go for",
    "problem|issue|trouble",
    "help|support|assistance",
    "contribute|help|give",
    "allowed|permitted",
    "information|info|details",
    "documentation|docs|manual",
    "program|application|software|app|tool",
    "programs|applications|apps|tools",
    "computer|machine|box|pc",
    "machines|computers|pcs",
    "disk|drive",
    "currently|right now|at the moment",
    "configure|set up|customise",
    "customize|adapt|configure",
    "safely|without risk",
    "special|particular",
    "old|previous|outdated",
    "latest|newest|current|most recent",
    "new|latest|recent",
    "version|release",
    "versions|releases",
    "format|layout|structure",
    "purpose|point",
    "handle|deal with|manage",
    "automatically|by itself|on its own",
    "determine|find out",
    "check|verify|see",
    "financially|with money",
    "developer|dev",
    "developers|devs",
    "directory|folder",
    "directories|folders",
    "user|person",
    "users|people",
    "internet|network|web",
    "migrate|move|switch",
    "wireless|wifi",
    "missing|not included in",
    "wrote|made|created",
    "author|creator",
    "authors|creators",
    "search|look",
    "quick|fast",
    "boot|start",
    "startup|boot",
    "provide|offer|give",
    "train|teach",
    "trained|taught",
    "require|need",
    "requires|needs",
    "required|needed|necessary",
    "large|big",
    "small|little",
    "error|failure|problem",
    "errors|failures|problems",
    "fix|repair|solve",
    "begin|start",
    "speed|performance",
    "example|sample",
    "examples|samples",
    "model|LLM",
    "models|LLMs",
    "dataset|data set|data",
    "cost|price",
    "license|licence|terms of use",
    "buy|purchase|order",
    "send|submit",
    "allow|permit|let",
    "possible|doable",
    "good|suitable|right",
    "better|more suitable",
    "reason|cause",
    "wrong|incorrect",
    "available|offered",
    "connect|link|hook up",
    "ensure|make sure",
    "override|replace",
    "downloading|getting",
    "accomplished|done",
    "display|show",
    "produced|created|made",
    "purged|removed",
};

using Table = std::unordered_map<std::string_view, std::vector<std::string_view>>;

Table make_table() {
  Table table;
  for (const std::string_view group : kGroups) {
    const std::vector<std::string_view> members = split(group, '|');
    for (const std::string_view member : members)
      for (const std::string_view other : members)
        if (other != member) table[member].push_back(other);
  }
  return table;
}

}  // namespace

std::span<const std::string_view> synonyms_of(std::string_view word) {
  static const Table kTable = make_table();
  const auto found = kTable.find(word);
  if (found == kTable.end()) return {};
  return found->second;
}

}  // namespace faqsmith
