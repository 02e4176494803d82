#include "resource.h"

#include <algorithm>

#include "errors.h"

namespace farside {
namespace {

constexpr napi_type_tag kHandleTag = {0x6661727369646531ull, 0x7665726273686e64ull};

void finalizeHandle(Napi::Env, ResourcePointer* resource) { delete resource; }

Napi::Value Close(const Napi::CallbackInfo& info) {
  ResourcePointer resource = resourceOf(info[0]);
  if (!resource) return throwType(info.Env(), "close: argument 1 must be a verbs handle");
  // Closing twice is allowed: whoever closes a parent has closed its children.
  int error = resource->close();
  if (error != 0) return throwErrno(info.Env(), "close", kindName(resource->kind), error);
  return info.Env().Undefined();
}

Napi::Value IsOpen(const Napi::CallbackInfo& info) {
  ResourcePointer resource = resourceOf(info[0]);
  if (!resource) return throwType(info.Env(), "isOpen: argument 1 must be a verbs handle");
  return Napi::Boolean::New(info.Env(), resource->isOpen());
}

}  // namespace

const char* kindName(Kind kind) {
  static const char* const names[] = {
      "device",           "protection domain", "memory", "memory region", "completion channel",
      "completion queue", "queue pair",        "ring",   "event channel", "cm id",
      "server"};
  return names[static_cast<size_t>(kind)];
}

void State::closeAll() {
  while (!roots.empty()) roots.back()->close();
}

int Resource::close() {
  if (!open_) return 0;
  const ResourcePointer self = std::move(self_);
  int error = 0;
  while (!children_.empty()) {
    int childError = children_.back()->close();
    if (error == 0) error = childError;
  }
  open_ = false;
  int ownError = release();
  detach();
  return error == 0 ? ownError : error;
}

void Resource::addParent(const ResourcePointer& parent) {
  parents_.push_back(parent);
  parent->children_.push_back(this);
}

void Resource::addRoot(State* state) {
  state_ = state;
  state->roots.push_back(this);
}

void Resource::detach() {
  for (const ResourcePointer& parent : parents_) {
    auto& siblings = parent->children_;
    siblings.erase(std::remove(siblings.begin(), siblings.end(), this), siblings.end());
  }
  parents_.clear();
  if (state_ == nullptr) return;
  auto& roots = state_->roots;
  roots.erase(std::remove(roots.begin(), roots.end(), this), roots.end());
  state_ = nullptr;
}

Napi::Object makeHandle(Napi::Env env, const ResourcePointer& resource) {
  Napi::Object handle = Napi::Object::New(env);
  handle.TypeTag(&kHandleTag);
  auto* holder = new ResourcePointer(resource);
  napi_status status = napi_wrap(
      env, handle, holder,
      [](napi_env e, void* data, void*) { finalizeHandle(e, static_cast<ResourcePointer*>(data)); }, nullptr,
      nullptr);
  if (status != napi_ok) delete holder;
  return handle;
}

ResourcePointer resourceOf(Napi::Value value) {
  if (!value.IsObject()) return nullptr;
  Napi::Object object = value.As<Napi::Object>();
  if (!object.CheckTypeTag(&kHandleTag)) return nullptr;
  void* data = nullptr;
  if (napi_unwrap(value.Env(), value, &data) != napi_ok) return nullptr;
  return *static_cast<ResourcePointer*>(data);
}

ResourcePointer takeResource(const Napi::CallbackInfo& info, size_t index, const char* verb, Kind kind) {
  ResourcePointer resource = resourceOf(info[index]);
  const std::string place = std::string(verb) + ": argument " + std::to_string(index + 1);
  if (!resource) {
    throwType(info.Env(), place + " must be a " + kindName(kind));
  } else if (resource->kind != kind) {
    throwType(info.Env(), place + " must be a " + kindName(kind) + ", not a " + kindName(resource->kind));
  } else if (!resource->isOpen()) {
    throwType(info.Env(), place + ": the " + kindName(kind) + " is closed");
  } else {
    return resource;
  }
  return nullptr;
}

void exportResource(Napi::Env env, Napi::Object exports) {
  exports.Set("close", Napi::Function::New(env, Close));
  exports.Set("isOpen", Napi::Function::New(env, IsOpen));
}

}  // namespace farside
