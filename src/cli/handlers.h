// What each command does, in the terms of the command line: arguments in, text or JSON out. Returns the exit code.
// The work itself is in app/ and stages/.
#pragma once
#include <memory>

#include "cli/command_table.h"
#include "stages/stage.h"

namespace faqsmith {

// Opens the session's workspace for work, and its log file.
[[nodiscard]] std::unique_ptr<Workspace> open_workspace(const Session& session, Workspace::Mode mode);

// The command's arguments as the setting `documents`, if there are any.
void set_documents(Session& session);
// A new workspace gets a faqsmith.yaml that holds what was given as flags, so that later commands need none of them.
void keep_settings(const Session& session);

int run_init(Session& session);
int run_config(Session& session);
int run_models(Session& session);
int run_doctor(Session& session);
int run_help(Session& session);
int run_completion(Session& session);
int run_status(Session& session);
int run_inspect(Session& session);
int run_gates(Session& session);
int run_build(Session& session);
int run_collect_stage(Session& session);
int run_evaluate_stage(Session& session);
int run_one_stage(Session& session);
int run_import(Session& session);
int run_export(Session& session);
int run_ask(Session& session);
int run_chat(Session& session);

}  // namespace faqsmith
