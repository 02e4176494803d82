// Errors as JavaScript sees them: a TypeError or RangeError where the caller is wrong, and for what
// a verb answered an Error with `verb`, `arguments`, `errno` and `code` ("ENOMEM").
#pragma once

#include <napi.h>

#include <string>

namespace farside {

// All three leave an exception pending and give `undefined`, so that a verb can `return throw…(…)`.
Napi::Value throwType(Napi::Env env, const std::string& message);
Napi::Value throwRange(Napi::Env env, const std::string& message);
// `error` is an errno, positive. `arguments` says in words what the verb was called with.
Napi::Value throwErrno(Napi::Env env, const char* verb, const std::string& arguments, int error);

// A library's answer as an errno: some verbs return it, of either sign, others return -1 and set
// errno.
int errnoOf(int answer);

// printf into a string.
__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...);

}  // namespace farside
