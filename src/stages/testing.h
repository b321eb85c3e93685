// A small workspace with sections and a scripted teacher, for the tests of generate, curate and split.
// Test code only: nothing outside *_test.cc includes it.
#pragma once
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "llm/fake_model.h"
#include "store/tables.h"
#include "store/workspace.h"

namespace faqsmith::testing_support {

class TestWorkspace {
 public:
  explicit TestWorkspace(const std::string& name)
      : folder_(fs::temp_directory_path() / ("faqsmith_" + name + "_" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    workspace_ = std::make_unique<Workspace>(folder_, Workspace::Mode::Create);
  }
  ~TestWorkspace() {
    workspace_.reset();
    fs::remove_all(folder_);
  }
  TestWorkspace(const TestWorkspace&) = delete;
  TestWorkspace& operator=(const TestWorkspace&) = delete;

  Workspace& get() { return *workspace_; }
  Database& db() { return workspace_->db(); }
  [[nodiscard]] const fs::path& folder() const { return folder_; }

  RowId add_source(const std::string& path) {
    SourceRow source;
    source.path = path;
    source.sha256 = sha256_hex(path);
    source.format = "markdown";
    source.title = "Tool Guide";
    source.state = "ok";
    return put_source(db(), source);
  }
  void add_section(RowId source, std::vector<std::string> heading_path, const std::string& text) {
    SectionRow section;
    section.source_id = source;
    section.ordinal = ++ordinal_;
    section.heading_path = std::move(heading_path);
    section.text = text;
    section.n_tokens = static_cast<std::int64_t>(text.size() / 5);
    section.hash = sha256_hex(section.heading_path.back() + text);
    faqsmith::add_section(db(), section);
  }

 private:
  fs::path folder_;
  std::unique_ptr<Workspace> workspace_;
  std::int64_t ordinal_ = 0;
};

// Twenty-four facts with telling words of their own.
inline void fill(TestWorkspace& workspace, int n_facts = 24) {
  static const std::vector<std::string> kThings = {"boiler",  "printer", "ladder",  "window",   "garden",  "bicycle",
                                                   "camera",  "kettle",  "tractor", "piano",    "violin",  "freezer",
                                                   "tent",    "compass", "lantern", "anchor",   "blender", "chimney",
                                                   "curtain", "drill",   "engine",  "fountain", "guitar",  "hammer"};
  const RowId source = workspace.add_source("guide.md");
  for (int i = 0; i < n_facts; ++i) {
    const std::string thing =
        kThings[static_cast<std::size_t>(i) % kThings.size()] + (i >= 24 ? std::to_string(i) : "");
    workspace.add_section(
        source, {"Guide", "How do I repair the " + thing + "?"},
        "Open the " + thing + " cover and replace its " + thing + " belt. Then test it twice with care.");
  }
}

// Answers the last user turn with a wording that depends on the seed: eight good ones, a bad one, an echo.
inline std::string scripted_reply(const ChatRequest& request) {
  static const std::vector<std::string> kPatterns = {
      "my {} is broken, what now?",          "Which part of a {} must be replaced when it fails?",
      "who can mend a {} and how?",          "Where is the belt of the {} and can one change it?",
      "{} stopped working, any advice?",     "Is there a way to get a {} running again?",
      "what steps bring a damaged {} back?", "Could you explain fixing some {} to a beginner?",
      "What does the passage say about {}?", "The {} is nice."};
  const std::string& given = request.messages.back().text;
  std::string thing = "thing";
  const std::size_t at = given.find("the ");
  if (at != std::string::npos) {
    const std::size_t end = given.find_first_of(" ?.", at + 4);
    thing = given.substr(at + 4, end - at - 4);
  }
  std::string out = kPatterns[hash64(std::to_string(request.sampling.seed)) % kPatterns.size()];
  const std::size_t hole = out.find("{}");
  return out.replace(hole, 2, thing);
}

// The answer is likelier the more of the question's words it shares.
inline Score scripted_score(const ScoreRequest& request) {
  const std::string& question = request.messages.back().text;
  double shared = 0;
  for (std::size_t at = 0; (at = request.continuation.find(' ', at)) != std::string::npos; ++at) {
    const std::size_t end = request.continuation.find(' ', at + 1);
    const std::string word = request.continuation.substr(at + 1, end - at - 1);
    if (word.size() > 4 && question.find(word) != std::string::npos) shared += 1;
  }
  return {.log_probability = -20.0 + 4 * shared, .n_tokens = 10};
}

}  // namespace faqsmith::testing_support
