// ask and chat: questions from the command line, a file or a terminal.
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
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

double number_of(const Session& session, const char* flag, double otherwise) {
  if (!session.has(flag)) return otherwise;
  const std::string text = session.get(flag);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw Error(Kind::User, fmt::format("{} is '{}'", flag, text), "write a number");
  return value;
}

int count_of(const Session& session, const char* flag, int otherwise) {
  const double value = number_of(session, flag, otherwise);
  if (value != std::floor(value) || std::abs(value) > 1e6)
    throw Error(Kind::User, fmt::format("{} is '{}'", flag, session.get(flag)), "write a whole number");
  return static_cast<int>(value);
}

// Checked as far as it can be without a model.
AnswerOptions options_of(const Session& session) {
  AnswerOptions options = answer_options(session.config);
  options.n = count_of(session, "--n", 1);
  if (session.has("--n-best"))
    options.n_best = NBest{count_of(session, "--n-best", 4), number_of(session, "--length-penalty", 0)};
  if (session.has("--schema")) {
    options.json_schema = read_file(session.get("--schema"));
    if (trim(options.json_schema).empty())
      throw Error(Kind::User, session.get("--schema") + " is empty", "give a file that holds a JSON schema");
  }
  options.regex = session.get("--regex");
  if (session.has("--regex") && options.regex.empty())
    throw Error(Kind::User, "--regex is empty", "leave it out, or give a pattern");
  check(options);
  if (options.n_best && session.has("--logit-bias"))
    throw Error(Kind::User, "--n-best and --logit-bias are both given", "leave one of them out");
  // The base model answers as it comes: it knows no trained facts to choose between. So does a bot that is told how.
  const bool told = options.n > 1 || options.n_best || session.has("--schema") || session.has("--regex") ||
                    session.has("--logit-bias") || session.has("--log-probabilities");
  if (told || which_model(session) == WhichModel::Base) options.candidates = 1;
  return options;
}

AnswerOptions with_bias(AnswerOptions options, const Session& session, const Bot& bot) {
  options.sampling.logit_bias = parse_logit_bias(session.get_all("--logit-bias"), bot.model->tokenizer());
  return options;
}

TokenDetail detail_of(const Session& session) {
  return session.has("--log-probabilities") ? TokenDetail::Show : TokenDetail::Leave;
}

int ask_batch(Session& session) {
  const std::string in = session.get("--batch");
  const std::string out = session.get("--out", "-");
  if (!session.arguments.empty())
    throw Error(Kind::User, "ask takes a question or --batch, not both", "leave one of them out");
  const auto questions = read_questions(read_file(in), in);
  (void)options_of(session);  // before the model is read; opening the bot may set its topic
  Bot bot = open_bot(session.workspace, session.config, which_model(session), *session.reporter);
  const auto answers = answer_all(questions, *bot.model, bot.sources.get(),
                                  with_bias(options_of(session), session, bot), *session.reporter);
  std::string text;
  for (const auto& answer : answers) text += answer_json(answer, detail_of(session)) + "\n";
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
  (void)options_of(session);
  Bot bot = open_bot(session.workspace, session.config, which_model(session), *session.reporter);
  const AnswerOptions options = with_bias(options_of(session), session, bot);
  const Question question{"", session.arguments.front()};
  if (session.json || options.n > 1 || options.n_best) {
    const auto answers = answer_all({question}, *bot.model, bot.sources.get(), options, *session.reporter);
    print_line(session.json ? answer_json(answers.front(), detail_of(session)) : replies_text(answers.front()));
    return 0;
  }
  Conversation talk(*bot.model, bot.sources.get(), options);
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
