// The addon, in the order in which a program uses it. One instance a thread: each environment has
// its own state, and closes what it has open when it ends.
#include <napi.h>

#include "cm.h"
#include "cq.h"
#include "device.h"
#include "fake/fake.h"
#include "memory.h"
#include "qp.h"
#include "resource.h"
#include "ring.h"
#include "server.h"

namespace farside {
namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto* state = new State();
  env.SetInstanceData(state);
  env.AddCleanupHook([](State* state) { state->closeAll(); }, state);
  exportResource(env, exports);
  exportDevice(env, exports);
  exportMemory(env, exports);
  exportCq(env, exports);
  exportQp(env, exports);
  exportRing(env, exports);
  exportCm(env, exports);
  exportServer(env, exports);
  fake::exportFake(env, exports);
  return exports;
}

}  // namespace
}  // namespace farside

// Outside the namespace: the macro defines what Node looks for.
static Napi::Object InitFarside(Napi::Env env, Napi::Object exports) { return farside::Init(env, exports); }
NODE_API_MODULE(farside, InitFarside)
