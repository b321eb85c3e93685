// ask and chat: questions from the command line, a file or a terminal.
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "app/bot.h"
#include "app/conversation.h"
#include "app/stage_options.h"
#include "base/error.h"
#include "base/strings.h"
#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/show.h"
#include "sys/interrupt.h"

namespace faqsmith {
namespace {

WhichModel which_model(const Session& session) {
  return session.has("--base") ? WhichModel::Base : WhichModel::Tuned;
}

// The base model answers as it comes: it knows no trained facts to choose between.
AnswerOptions options_of(const Session& session) {
  AnswerOptions options = answer_options(session.config);
  if (which_model(session) == WhichModel::Base) options.candidates = 1;
  return options;
}

// A finder over nothing, for the base model without a workspace.
const SourceFinder& finder_of(const Bot& bot) {
  if (!bot.sources) throw Error(Kind::User, "there is no workspace to name sources from", "name it with -w FOLDER");
  return *bot.sources;
}

int ask_batch(Session& session) {
  const std::string in = session.get("--batch");
  const std::string out = session.get("--out", "-");
  if (!session.arguments.empty())
    throw Error(Kind::User, "ask takes a question or --batch, not both", "leave one of them out");
  const auto questions = read_questions(read_file(in), in);
  Bot bot = open_bot(session.workspace, session.config, which_model(session), *session.reporter);
  const auto answers = answer_all(questions, *bot.model, finder_of(bot), options_of(session), *session.reporter);
  std::string text;
  for (const auto& answer : answers) text += answer_json(answer) + "\n";
  if (out == "-") {
    print(text);
  } else {
    write_file_atomic(out, text);
    session.reporter->note(fmt::format("wrote {} answers to {}", answers.size(), out));
  }
  return 0;
}

// Prints pieces as they come; stops the model on Ctrl-C.
bool print_piece(std::string_view piece) {
  print(piece);
  return !interrupted();
}

void show_quote(const std::optional<Answer>& last, bool colour) {
  if (!last) {
    print_line("Ask something first.");
    return;
  }
  print_line(source_text(*last, colour));
  if (last->source) print_line("  " + replace_all(last->source->quote, "\n", "\n  "));
}

constexpr const char* kChatHelp =
    "  /source  where the last answer comes from\n  /reset   forget the conversation\n  /help    this list\n  /quit    "
    "leave (or Ctrl-D)";

// One typed line; false: leave.
bool chat_line(const std::string& line, Conversation& talk, bool colour) {
  const std::string text(trim(line));
  if (text.empty()) return true;
  if (text == "/quit" || text == "/exit") return false;
  if (text == "/help") {
    print_line(kChatHelp);
  } else if (text == "/reset") {
    talk.reset();
    print_line("Forgotten.");
  } else if (text == "/source") {
    show_quote(talk.last(), colour);
  } else if (text.starts_with("/")) {
    const std::string near = did_you_mean(text, {"/source", "/reset", "/help", "/quit"});
    print_line(near.empty() ? "There is no such command; see /help."
                            : fmt::format("There is no {}; did you mean {}?", text, near));
  } else {
    try {
      const Answer answer = talk.say(text, print_piece);
      print_line("\n" + source_text(answer, colour) + "\n");
    } catch (const Error& error) {
      print_line(fmt::format("\n({}; {})", error.what(), error.hint()));
    }
  }
  return true;
}

}  // namespace

int run_ask(Session& session) {
  if (session.has("--batch")) return ask_batch(session);
  if (session.arguments.empty())
    throw Error(Kind::User, "ask needs a question", "write: faqsmith ask \"How do I …?\", or use --batch FILE");
  Bot bot = open_bot(session.workspace, session.config, which_model(session), *session.reporter);
  const Question question{"", session.arguments.front()};
  if (session.json) {
    const auto answers = answer_all({question}, *bot.model, finder_of(bot), options_of(session), *session.reporter);
    print_line(answer_json(answers.front()));
    return 0;
  }
  Conversation talk(*bot.model, bot.sources.get(), options_of(session));
  const Answer answer = talk.say(question.text, print_piece);
  print_line("");
  if (interrupted()) throw Interrupted{};
  if (bot.sources) print_line(source_text(answer, colour_allowed(STDOUT_FILENO)));
  return 0;
}

int run_chat(Session& session) {
  Bot bot = open_bot(session.workspace, session.config, which_model(session), *session.reporter);
  Conversation talk(*bot.model, bot.sources.get(), options_of(session));
  const bool typed = ::isatty(STDIN_FILENO) == 1;
  const bool colour = colour_allowed(STDOUT_FILENO);
  if (typed) print_line("Ask about the documents. /help lists commands, /quit leaves.\n");
  std::string line;
  while (!interrupted()) {
    if (typed) print(colour ? "\033[1m> \033[0m" : "> ");
    if (!std::getline(std::cin, line) || !chat_line(line, talk, colour)) break;
  }
  if (typed) print_line("");
  return 0;
}

}  // namespace faqsmith
