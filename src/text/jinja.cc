// Walks the parts: text and outputs are written, blocks are followed by their links.
#include "text/jinja.h"

#include <span>

#include "text/jinja_expression.h"

namespace faqsmith::jinja {
namespace {

constexpr int kMaxSteps = 20'000;  // the longest known template takes about 1,500 for a probe
constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxOutput = 1 << 16;

Dict message_of(const TemplateInput::Message& message) {
  return {{"role", {message.role}}, {"content", {message.content}}};
}

class Runner {
 public:
  Runner(const std::vector<Part>& parts, const TemplateInput& input) : parts_(parts), scopes_(1) {
    List messages;
    for (const auto& message : input.messages) messages.push_back(make_dict(message_of(message)));
    scopes_[0] = {{"messages", make_list(std::move(messages))},
                  {"bos_token", {input.bos_token}},
                  {"eos_token", {input.eos_token}},
                  {"add_generation_prompt", {input.add_generation_prompt}}};
    expressions_ = {
        .find = [this](std::string_view name) { return find(name); },
        .call = [this](std::string_view name, const List& list, const Dict& named) { return call(name, list, named); },
        .spend = [this] { spend(); }};
  }

  std::string run() {
    run(0, parts_.size(), 0);
    return std::move(out_);
  }

 private:
  void spend() {
    if (++steps_ > kMaxSteps) throw Unsupported("it takes too many steps");
  }
  void write(std::string_view text) {
    if (out_.size() + text.size() > kMaxOutput) throw Unsupported("it writes too much");
    out_ += text;
  }
  [[nodiscard]] Value find(std::string_view name) const {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
      if (const auto found = scope->find(name); found != scope->end()) return found->second;
    return {};
  }
  static Value call(std::string_view name, const List& arguments, const Dict& named) {
    if (name == "namespace" && arguments.empty()) {
      for (const auto& [key, value] : named) check_plain(value);
      return make_dict(named);
    }
    if (name == "raise_exception" && arguments.size() == 1) throw Raised(to_text(arguments[0]));
    throw Unsupported("it calls \"" + std::string(name) + "\"");
  }
  // A namespace that could hold lists and dicts could hold itself.
  static void check_plain(const Value& value) {
    if (value.list() || value.dict()) throw Unsupported("it keeps a list in a namespace");
  }

  Value evaluate_all(std::span<const Token> tokens) {
    const auto expression = parse_expression(tokens);
    if (!tokens.empty()) throw Unsupported("an expression goes on with \"" + tokens[0].text + "\"");
    return evaluate(*expression, expressions_);
  }

  void run(std::size_t begin, std::size_t end, int depth) {
    if (depth > kMaxDepth) throw Unsupported("its blocks are nested too deeply");
    for (std::size_t i = begin; i < end; ++i) {
      spend();
      const Part& part = parts_[i];
      if (part.kind == PartKind::Text) {
        write(part.text);
      } else if (part.kind == PartKind::Output) {
        write(to_text(evaluate_all(part.tokens)));
      } else {
        i = run_block(i, depth);
      }
    }
  }

  // Returns the part at which the block ends.
  std::size_t run_block(std::size_t i, int depth) {
    const std::string_view name = block_name(parts_[i]);
    if (name == "if") return run_if(i, depth);
    if (name == "for") return run_for(i, depth);
    if (name == "set") return run_set(i, depth);
    if (name == "macro") return parts_[i].next;                     // what it would do counts only where it is called
    if (name == "generation" || name == "endgeneration") return i;  // marks for training, no text
    throw Unsupported("it uses the block \"" + std::string(name) + "\"");
  }

  std::size_t last_branch(std::size_t i) const {
    while (parts_[i].next != 0) i = parts_[i].next;
    return i;
  }

  std::size_t run_if(std::size_t i, int depth) {
    const std::size_t end = last_branch(i);
    for (std::size_t at = i; at != end; at = parts_[at].next) {
      const bool taken =
          block_name(parts_[at]) == "else" || truth(evaluate_all(std::span(parts_[at].tokens).subspan(1)));
      if (!taken) continue;
      run(at + 1, parts_[at].next, depth + 1);
      break;
    }
    return end;
  }

  std::size_t run_set(std::size_t i, int depth) {
    const std::span<const Token> tokens = std::span(parts_[i].tokens).subspan(1);
    if (tokens.empty() || tokens[0].kind != TokenKind::Name) throw Unsupported("a \"set\" lacks its name");
    const std::string& name = tokens[0].text;
    if (parts_[i].next != 0) {
      if (tokens.size() != 1) throw Unsupported("it uses \"set\" in an unusual way");
      std::string outer = std::move(out_);
      out_.clear();
      run(i + 1, parts_[i].next, depth + 1);
      scopes_.back()[name] = {std::move(out_)};
      out_ = std::move(outer);
      return parts_[i].next;
    }
    if (tokens.size() > 2 && tokens[1].text == "=") {
      scopes_.back()[name] = evaluate_all(tokens.subspan(2));
    } else if (tokens.size() > 4 && tokens[1].text == "." && tokens[3].text == "=") {
      const Value base = find(name);
      const auto* dict = base.as<std::shared_ptr<Dict>>();
      if (!dict) throw Unsupported("it sets a part of something that has none");
      Value value = evaluate_all(tokens.subspan(4));
      check_plain(value);
      (**dict)[tokens[2].text] = std::move(value);
    } else {
      throw Unsupported("it uses \"set\" in an unusual way");
    }
    return i;
  }

  std::size_t run_for(std::size_t i, int depth) {
    std::span<const Token> tokens = std::span(parts_[i].tokens).subspan(1);
    if (tokens.size() < 3 || tokens[0].kind != TokenKind::Name || tokens[1].text != "in")
      throw Unsupported("it uses \"for\" in an unusual way");
    const std::string name = tokens[0].text;
    tokens = tokens.subspan(2);
    const auto expression = parse_expression(tokens, Ternary::No);
    List list = elements(evaluate(*expression, expressions_));
    if (!tokens.empty()) list = filtered(std::move(list), name, tokens);
    const std::size_t branch = parts_[i].next, end = last_branch(i);
    for (std::size_t k = 0; k < list.size(); ++k) {
      scopes_.push_back({{name, list[k]}, {"loop", make_dict(loop_of(list, k))}});
      run(i + 1, branch, depth + 1);
      scopes_.pop_back();
    }
    if (list.empty() && branch != end) run(branch + 1, end, depth + 1);
    return end;
  }

  List filtered(List list, const std::string& name, std::span<const Token> tokens) {
    if (tokens[0].text != "if") throw Unsupported("it uses \"for\" in an unusual way");
    List kept;
    for (Value& value : list) {
      scopes_.push_back({{name, value}});
      if (truth(evaluate_all(tokens.subspan(1)))) kept.push_back(value);
      scopes_.pop_back();
    }
    return kept;
  }

  static Dict loop_of(const List& list, std::size_t k) {
    const auto index = static_cast<std::int64_t>(k), n = static_cast<std::int64_t>(list.size());
    return {{"index", {index + 1}},
            {"index0", {index}},
            {"revindex", {n - index}},
            {"revindex0", {n - index - 1}},
            {"first", {index == 0}},
            {"last", {index + 1 == n}},
            {"length", {n}},
            {"previtem", k == 0 ? Value{} : list[k - 1]},
            {"nextitem", k + 1 == list.size() ? Value{} : list[k + 1]}};
  }

  const std::vector<Part>& parts_;
  std::vector<Dict> scopes_;
  Scope expressions_;
  std::string out_;
  int steps_ = 0;
};

}  // namespace

std::string render(const std::vector<Part>& parts, const TemplateInput& input) {
  return Runner(parts, input).run();
}

}  // namespace faqsmith::jinja
