// Verbs objects and the handles by which JavaScript holds them.
//
// A resource is open until it is closed, once. Closing one closes its children first, newest first, as
// the verbs require: a protection domain outlives its queue pairs, a completion queue the queue pairs
// that complete into it. What is open when an environment ends (a worker is terminated, say) is closed by
// the environment's cleanup hook.
//
// The garbage collector closes nothing. A peer uses a region whose handle nobody here holds any more, and
// a listener listens: when they end must not depend on when a collector runs.
//
// A handle is an empty object with a type tag: another object in its place, a handle of another
// kind or one that is closed is a TypeError of the verb that was given it.
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "library.h"

namespace farside {

enum class Kind : uint8_t { device, pd, memory, mr, channel, cq, qp, ring, eventChannel, cmId, server };
const char* kindName(Kind kind);

class Resource;
using ResourcePointer = std::shared_ptr<Resource>;

// What one environment (a thread's copy of the addon) has open, apart from children.
class State {
 public:
  static State& of(Napi::Env env) { return *env.GetInstanceData<State>(); }
  void closeAll();

  std::vector<Resource*> roots;
};

class Resource : public std::enable_shared_from_this<Resource> {
 public:
  Resource(Kind kind, const Library& library) : kind(kind), library(library) {}
  Resource(const Resource&) = delete;
  Resource& operator=(const Resource&) = delete;
  virtual ~Resource() = default;

  bool isOpen() const { return open_; }
  // Gives 0, or the first error of this resource or of a child; it is closed all the same.
  int close();
  void addParent(const ResourcePointer& parent);
  void addRoot(State* state);
  void keepAlive() { self_ = shared_from_this(); }

  const Kind kind;
  const Library& library;

 protected:
  // Called once, when all children are closed: gives back what the library holds, 0 or an errno.
  virtual int release() = 0;

 private:
  void detach();

  bool open_ = true;
  ResourcePointer self_;  // while it is open
  State* state_ = nullptr;
  std::vector<ResourcePointer> parents_;
  std::vector<Resource*> children_;
};

template <class T, class... Arguments>
std::shared_ptr<T> makeResource(Arguments&&... arguments) {
  auto resource = std::make_shared<T>(std::forward<Arguments>(arguments)...);
  resource->keepAlive();
  return resource;
}

Napi::Object makeHandle(Napi::Env env, const ResourcePointer& resource);

// The open resource behind argument `index`; null with a pending TypeError where it is none.
ResourcePointer takeResource(const Napi::CallbackInfo& info, size_t index, const char* verb, Kind kind);
// The resource behind a value, open or closed; null where the value is no handle.
ResourcePointer resourceOf(Napi::Value value);

template <class T>
std::shared_ptr<T> take(const Napi::CallbackInfo& info, size_t index, const char* verb) {
  return std::static_pointer_cast<T>(takeResource(info, index, verb, T::kKind));
}

// close(handle), isOpen(handle)
void exportResource(Napi::Env env, Napi::Object exports);

}  // namespace farside
