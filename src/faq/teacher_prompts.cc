// Few-shot sets are about everyday matters, so that no few-shot text can leak into a bot as a fact of its documents.
#include "faq/teacher_prompts.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/strings.h"

namespace faqsmith {
namespace {

struct Shot {
  std::string_view given, wanted;
};
using ShotSet = std::array<Shot, 4>;

constexpr std::array kRewordInstructions = {
    "Ask the same question in your own words, as a person would type it into a chat.",
    "Rewrite the question with different words. Keep its meaning and its names.",
    "A user does not know the right terms. Write how that user would ask this question, short and simple.",
};
constexpr std::array<ShotSet, 3> kRewordShots = {{
    {{{"How do I renew my library card?", "My library card has expired, what do I do to get it extended?"},
      {"What is the maximum weight of a parcel?", "How heavy can a package be?"},
      {"Is it possible to cancel an order after it has been shipped?",
       "Can I still stop an order that is already on its way?"},
      {"Why does the museum close on Mondays?", "What's the reason the museum isn't open on Monday?"}}},
    {{{"What should I do if I forget my locker key?", "I lost the key to my locker, how do I get in?"},
      {"Where can I find the timetable for the night bus?", "Which page shows when the night buses run?"},
      {"Does the gym offer a discount for students?", "Do students pay less at the gym?"},
      {"What is a season ticket?", "Can you explain what a season ticket means?"}}},
    {{{"Which documents are needed to open an account?", "What papers do I have to bring for a new account?"},
      {"How often are the water filters replaced?", "When do the water filters get changed?"},
      {"Can I bring my dog on the ferry?", "Are dogs allowed on the ferry?"},
      {"How does the heating system work?", "What makes the heating run?"}}},
}};

constexpr std::array kAskInstructions = {
    "Write one question that the text answers, as a person would type it into a chat.",
    "What would a user ask to get this text as the answer? Write only the question.",
    "Write a short, simple question from a beginner that this text answers.",
};
constexpr std::array<ShotSet, 3> kAskShots = {{
    {{{"Library > Cards\nCards are valid for one year. Bring an identity card to the front desk to renew yours.",
       "How do I renew my library card?"},
      {"Parcels > Limits\nA parcel may weigh up to 20 kg.", "How heavy can a parcel be?"},
      {"Museum > Opening hours\nThe museum is closed on Mondays because the paintings are cleaned then.",
       "Why is the museum closed on Monday?"},
      {"Ferry > Animals\nDogs travel free of charge but must be kept on a lead.", "Can I take my dog on the ferry?"}}},
    {{{"Gym > Lockers\nIf you lose your locker key, ask the staff at the entrance for a spare one.",
       "I lost my locker key, what now?"},
      {"Buses > Night service\nNight buses leave every hour from the central station.", "Where do night buses start?"},
      {"Tickets > Season ticket\nA season ticket is a pass for all home games of one year.",
       "What is a season ticket?"},
      {"Gym > Prices\nStudents pay half the normal price.", "Do students get a discount at the gym?"}}},
    {{{"Bank > Accounts\nTo open an account you need a passport and a proof of address.",
       "What papers do I need for a new account?"},
      {"Pool > Water\nThe filters are replaced every three months.", "How often are the pool filters changed?"},
      {"Heating > Overview\nHot water from the boiler runs through pipes in the floor.", "How does the heating work?"},
      {"Camping > Fire\nOpen fires are forbidden from June to August.", "Am I allowed to make a fire in July?"}}},
}};

std::vector<Message> conversation(std::string_view instruction, const ShotSet& shots, std::string_view given) {
  std::vector<Message> messages;
  messages.push_back({Role::System, std::string(instruction)});
  for (const Shot& shot : shots) {
    messages.push_back({Role::User, std::string(shot.given)});
    messages.push_back({Role::Assistant, std::string(shot.wanted)});
  }
  messages.push_back({Role::User, std::string(given)});
  return messages;
}

std::string instruction_for(std::string_view instruction, const TeacherVoice& voice) {
  std::string text(instruction);
  if (!voice.topic.empty()) text += " The topic is " + voice.topic + ".";
  if (voice.examples.empty()) return text;
  text += " Real users asked for example:";
  for (std::size_t i = 0; i < voice.examples.size() && i < 6; ++i) text += " \"" + voice.examples[i] + "\"";
  return text;
}

void check(int variant) {
  require(variant >= 0 && variant < kPromptVariants, "a prompt variant is 0 to 8");
}

}  // namespace

std::vector<Message> reword_messages(int variant, const TeacherVoice& voice, std::string_view question) {
  check(variant);
  return conversation(instruction_for(kRewordInstructions[variant % 3], voice), kRewordShots[variant / 3], question);
}

std::vector<Message> ask_messages(int variant, const TeacherVoice& voice, std::string_view heading,
                                  std::string_view text) {
  check(variant);
  const std::string given = heading.empty() ? std::string(text) : std::string(heading) + "\n" + std::string(text);
  return conversation(instruction_for(kAskInstructions[variant % 3], voice), kAskShots[variant / 3], given);
}

std::string question_schema() {
  return R"({"type":"object","properties":{"question":{"type":"string"}},"required":["question"],"additionalProperties":false})";
}

std::string question_from_json(std::string_view reply) {
  const auto parsed = nlohmann::json::parse(reply, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("question") || !parsed["question"].is_string()) return "";
  return parsed["question"].get<std::string>();
}

}  // namespace faqsmith
