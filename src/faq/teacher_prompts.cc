// The built-in few-shot sets are about everyday matters, so that none of their text can pass for a fact of the
// documents.
#include "faq/teacher_prompts.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "base/json_text.h"
#include "base/rng.h"
#include "base/strings.h"
#include "faq/rewording.h"
#include "faq/units.h"
#include "faq/words.h"

namespace faqsmith {
namespace {

struct FixedShot {
  std::string_view given, wanted;
};
using ShotSet = std::array<FixedShot, kShotsPerSet>;

constexpr std::array kRewordInstructions = {
    "Rewrite the question in other words, the way a person would type it.",
    "How would somebody who does not know the right terms ask this? Write one short question.",
    "Write what a user would type into a chat or a search box for this question.",
};
constexpr std::array<ShotSet, 3> kRewordShots = {{
    {{{"How can I configure the watering schedule of the greenhouse?", "how do I set when the greenhouse gets watered"},
      {"What is the procedure for renewing a library card?", "my library card ran out, what now?"},
      {"Which payment methods does the shop accept?", "can I pay by card in the shop"},
      {"Why does the front brake make a squealing noise?", "front brake squeaks, why?"}}},
    {{{"Is it permissible to transport musical instruments as hand luggage?", "can I take my guitar on the plane"},
      {"What does the term 'standing order' signify?", "standing order meaning"},
      {"In what manner may I obtain a refund for a cancelled concert?",
       "concert got cancelled, how do I get my money back?"},
      {"Are there alternatives to the standard charging cable?", "is there another cable I can charge it with"}}},
    {{{"Where are the error codes of the coffee machine documented?", "where do I find what the error codes mean?"},
      {"Does the gym offer a discount for students?", "do students pay less at the gym"},
      {"What are the differences between whole wheat flour and white flour?", "whole wheat vs white flour"},
      {"Can I delete the old pictures on the camera, and if so, how?", "how to remove old pictures from the camera"}}},
}};

constexpr std::array kAskInstructions = {
    "Write a question that this text answers.",
    "What would a user ask to get this text as the answer? Write the question.",
    "Write a short, informal question that is answered by this text.",
};
constexpr std::array<ShotSet, 3> kAskShots = {{
    {{{"Library cards\nThe card is valid for one year. You can renew it at the desk.",
       "how long is my library card good for?"},
      {"Parcels\nA parcel may weigh up to 20 kg.", "how heavy can a parcel be"},
      {"Plants in winter\nMove the pots to the south side and turn them every week.",
       "what do I do with my plants in winter?"},
      {"Ferry rules\nDogs travel free of charge but must be kept on a lead.", "can I take my dog on the ferry?"}}},
    {{{"Lockers\nIf you lose your locker key, ask the staff at the entrance for a spare one.",
       "I lost my locker key, what now?"},
      {"Night buses\nNight buses leave every hour from the central station.", "where do night buses start"},
      {"Season ticket\nA season ticket is a pass for all home games of one year.", "what is a season ticket?"},
      {"Hand luggage\nMusical instruments that fit into the overhead compartment may be taken on board.",
       "am I allowed to bring a guitar on the plane?"}}},
    {{{"Error codes\nE4 means that the water tank is empty. Fill it and press the button.", "coffee machine shows E4"},
      {"Pool water\nThe filters are replaced every three months.", "how often are the pool filters changed?"},
      {"Heating\nHot water from the boiler runs through pipes in the floor.", "how does the heating work"},
      {"Camping\nOpen fires are forbidden from June to August.", "am I allowed to make a fire in July?"}}},
}};

// The set-th four of the document's own shots, or the built-in ones if there are too few.
std::vector<Shot> shots_for(const std::vector<Shot>& own, const ShotSet& fixed, int set, std::string_view given) {
  std::vector<Shot> shots;
  if (own.size() >= kShotsPerSet) {
    for (std::size_t i = 0; i < own.size() && shots.size() < kShotsPerSet; ++i) {
      const Shot& shot = own[(static_cast<std::size_t>(set) * kShotsPerSet + i) % own.size()];
      if (given.find(shot.given) == std::string_view::npos) shots.push_back(shot);
    }
    if (shots.size() + 1 >= kShotsPerSet) return shots;
    shots.clear();
  }
  for (const FixedShot& shot : fixed) shots.push_back({std::string(shot.given), std::string(shot.wanted)});
  return shots;
}

std::vector<Message> conversation(std::string instruction, const std::vector<Shot>& shots, std::string_view given) {
  std::vector<Message> messages;
  messages.push_back({Role::System, std::move(instruction)});
  for (const Shot& shot : shots) {
    messages.push_back({Role::User, shot.given});
    messages.push_back({Role::Assistant, shot.wanted});
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

void add_own_shots(TeacherVoice& voice, const std::vector<Shot>& questions_and_answers) {
  for (const Shot& pair : questions_and_answers) {
    if (sentences_of(pair.given).size() > 1 || words_of(pair.given).size() > 16) continue;
    const std::uint64_t pick = hash64(pair.given);
    const std::vector<std::string> reworded = reframed(pair.given);
    if (reworded.empty()) continue;
    // The first frames read most like people; a few synonyms show that words may change.
    Rng rng(pick);
    const std::string wanted =
        carelessly_typed(with_synonyms(reworded[pick % std::min<std::size_t>(3, reworded.size())], 0.5, rng));
    voice.reword_shots.push_back({pair.given, wanted});
    if (words_of(pair.wanted).size() <= 45) voice.ask_shots.push_back({pair.wanted, carelessly_typed(pair.given)});
  }
  // Any order that does not follow the document spreads its subjects over the sets.
  const auto by_hash = [](const Shot& a, const Shot& b) { return hash64(a.given) < hash64(b.given); };
  std::sort(voice.reword_shots.begin(), voice.reword_shots.end(), by_hash);
  std::sort(voice.ask_shots.begin(), voice.ask_shots.end(), by_hash);
  const std::size_t most = 3 * kShotsPerSet;
  if (voice.reword_shots.size() > most) voice.reword_shots.resize(most);
  if (voice.ask_shots.size() > most) voice.ask_shots.resize(most);
}

std::vector<Message> reword_messages(int variant, const TeacherVoice& voice, std::string_view question) {
  check(variant);
  const int set = variant / 3;
  return conversation(instruction_for(kRewordInstructions[variant % 3], voice),
                      shots_for(voice.reword_shots, kRewordShots[set], set, question), question);
}

std::vector<Message> ask_messages(int variant, const TeacherVoice& voice, std::string_view heading,
                                  std::string_view text) {
  check(variant);
  const int set = variant / 3;
  const std::string given = heading.empty() ? std::string(text) : std::string(heading) + "\n" + std::string(text);
  return conversation(instruction_for(kAskInstructions[variant % 3], voice),
                      shots_for(voice.ask_shots, kAskShots[set], set, given), given);
}

std::string question_schema() {
  return R"({"type":"object","properties":{"question":{"type":"string"}},"required":["question"],"additionalProperties":false})";
}

std::string question_from_json(std::string_view reply) {
  const auto parsed = try_parse_json(reply);
  if (!parsed.is_object() || !parsed.contains("question") || !parsed["question"].is_string()) return "";
  return parsed["question"].get<std::string>();
}

}  // namespace faqsmith
