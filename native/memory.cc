#include "memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "errors.h"
#include "options.h"

namespace farside {
namespace {

constexpr double kLengthMax = 9007199254740991.0;
// What one typed array of Node 20 can span.
constexpr double kViewMax = 4294967296.0;

std::string accessNames(unsigned access) {
  static const char* const names[] = {"LOCAL_WRITE",  "REMOTE_WRITE",    "REMOTE_READ", "REMOTE_ATOMIC",
                                      "MW_BIND",      "ZERO_BASED",      "ON_DEMAND",   "HUGETLB",
                                      "FLUSH_GLOBAL", "FLUSH_PERSISTENT"};
  std::string text;
  for (unsigned bit = 0; bit < sizeof(names) / sizeof(names[0]); bit++) {
    if ((access >> bit & 1) != 0) text += (text.empty() ? "" : "|") + std::string(names[bit]);
  }
  return text.empty() ? "no access" : text;
}

std::string lockedMemoryLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return "";
  return format(
      ", locked-memory limit %llu KiB: raise it with `ulimit -l unlimited` (root, or memlock in "
      "/etc/security/limits.conf)",
      static_cast<unsigned long long>(limit.rlim_cur / 1024));
}

// The descriptor of `file`, or -1 with errno.
int openFile(const std::string& file, size_t length) {
  int descriptor = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  struct stat status = {};
  if (descriptor < 0) return -1;
  // A DAX device has a fixed size; a file is made as long as it must be, and never shorter.
  if (fstat(descriptor, &status) == 0 &&
      (!S_ISREG(status.st_mode) || static_cast<size_t>(status.st_size) >= length ||
       ftruncate(descriptor, static_cast<off_t>(length)) == 0)) {
    return descriptor;
  }
  int error = errno;
  ::close(descriptor);
  errno = error;
  return -1;
}

void* map(const std::string& file, size_t length, bool hugePages) {
  const int protection = PROT_READ | PROT_WRITE;
  if (file.empty()) {
    int flags = MAP_SHARED | MAP_ANONYMOUS | (hugePages ? MAP_HUGETLB : 0);
    return mmap(nullptr, length, protection, flags, -1, 0);
  }
  int descriptor = openFile(file, length);
  if (descriptor < 0) return MAP_FAILED;
  void* start = mmap(nullptr, length, protection, MAP_SHARED, descriptor, 0);
  int error = errno;
  ::close(descriptor);
  errno = error;
  return start;
}

Napi::Value MapMemory(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Options options(info, 0, "mapMemory");
  const double length = options.integer("lengthBytes", 1, kLengthMax, 0);
  const std::string file = options.text("file", "");
  const bool hugePages = options.flag("hugePages", false);
  if (!options.ok()) return env.Undefined();
  if (length == 0) return throwType(env, "mapMemory: lengthBytes is missing");
  void* start = map(file, static_cast<size_t>(length), hugePages);
  if (start == MAP_FAILED) {
    int error = errno;
    return throwErrno(env, "mapMemory",
                      format("%.0f B of %s%s", length, file.empty() ? "memory" : file.c_str(),
                             hugePages ? " in huge pages" : ""),
                      error);
  }
  static const Library noLibrary = {};
  auto memory =
      makeResource<Memory>(noLibrary, std::make_shared<Mapping>(start, static_cast<size_t>(length)));
  memory->addRoot(&State::of(env));
  return makeHandle(env, memory);
}

Napi::Value MemoryBuffer(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto memory = take<Memory>(info, 0, "memoryBuffer");
  if (!memory) return env.Undefined();
  const double size = static_cast<double>(memory->mapping->length);
  const double offset = takeInteger(info, 1, "memoryBuffer", "offset", 0, size);
  if (offset < 0) return env.Undefined();
  const double room = size - offset < kViewMax ? size - offset : kViewMax;
  const double length = takeInteger(info, 2, "memoryBuffer", "length", 0, room);
  if (length < 0) return env.Undefined();
  auto* owner = new std::shared_ptr<Mapping>(memory->mapping);
  return Napi::ArrayBuffer::New(
      env, static_cast<uint8_t*>(memory->mapping->start) + static_cast<size_t>(offset),
      static_cast<size_t>(length), [](Napi::Env, void*, std::shared_ptr<Mapping>* owner) { delete owner; },
      owner);
}

Napi::Value RegMr(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto pd = take<Pd>(info, 0, "regMr");
  if (!pd) return env.Undefined();
  void* address = nullptr;
  size_t length = 0;
  std::shared_ptr<Memory> memory;
  std::shared_ptr<void> owner;
  if (sharedBytes(info[1], &address, &length)) {
    owner = keep(info[1]);
  } else if (info[1].IsTypedArray()) {
    return throwType(env,
                     "regMr: argument 2 must be a Uint8Array over a SharedArrayBuffer, or a memory "
                     "from mapMemory: an ArrayBuffer can be taken away while the device writes to it");
  } else {
    memory = take<Memory>(info, 1, "regMr");
    if (!memory) return env.Undefined();
    address = memory->mapping->start;
    length = memory->mapping->length;
    owner = memory->mapping;
  }
  const double access = takeInteger(info, 2, "regMr", "access", 0, 4294967295.0);
  if (access < 0) return env.Undefined();
  auto mr = registerMemory(env, pd, address, length, static_cast<unsigned>(access), owner);
  if (!mr) return env.Undefined();
  if (memory) mr->addParent(memory);
  return makeHandle(env, mr);
}

Napi::Value QueryMr(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto mr = take<Mr>(info, 0, "queryMr");
  if (!mr) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("address", Napi::BigInt::New(env, reinterpret_cast<uint64_t>(mr->mr->addr)));
  result.Set("lengthBytes", static_cast<double>(mr->mr->length));
  result.Set("lkey", mr->mr->lkey);
  result.Set("rkey", mr->mr->rkey);
  return result;
}

}  // namespace

Mapping::~Mapping() { munmap(start, length); }

int Memory::release() {
  mapping.reset();
  return 0;
}

int Mr::release() {
  int error = errnoOf(library.deregMr(mr));
  owner.reset();
  return error;
}

bool sharedBytes(Napi::Value value, void** address, size_t* length) {
  if (!value.IsTypedArray()) return false;
  napi_typedarray_type type;
  napi_value buffer = nullptr;
  bool exclusive = true;
  if (napi_get_typedarray_info(value.Env(), value, &type, length, address, &buffer, nullptr) != napi_ok ||
      type != napi_uint8_array || napi_is_arraybuffer(value.Env(), buffer, &exclusive) != napi_ok) {
    return false;
  }
  return !exclusive;
}

std::shared_ptr<void> keep(Napi::Value buffer) {
  return std::make_shared<Napi::Reference<Napi::Value>>(Napi::Reference<Napi::Value>::New(buffer, 1));
}

std::shared_ptr<Mr> registerMemory(Napi::Env env, const std::shared_ptr<Pd>& pd, void* address, size_t length,
                                   unsigned access, std::shared_ptr<void> owner) {
  errno = 0;
  ibv_mr* mr = pd->library.regMr(pd->pd, address, length, static_cast<int>(access));
  if (mr == nullptr) {
    int error = errno;
    throwErrno(env, "regMr",
               format("%zu B, %s%s", length, accessNames(access).c_str(),
                      error == ENOMEM ? lockedMemoryLimit().c_str() : ""),
               error);
    return nullptr;
  }
  auto resource = makeResource<Mr>(pd, mr, std::move(owner));
  resource->addParent(pd);
  return resource;
}

void exportMemory(Napi::Env env, Napi::Object exports) {
  exports.Set("mapMemory", Napi::Function::New(env, MapMemory));
  exports.Set("memoryBuffer", Napi::Function::New(env, MemoryBuffer));
  exports.Set("regMr", Napi::Function::New(env, RegMr));
  exports.Set("queryMr", Napi::Function::New(env, QueryMr));
}

}  // namespace farside
