{
  # `npm run build:native` builds build/Release/farside.node, with gcc or clang, from rdma-core's headers
  # (libibverbs-dev, librdmacm-dev) and nothing else: the libraries are opened at run time.
  # `npm run test:native:asan` builds farside_asan.node beside it.
  "variables": { "sanitize%": 0 },
  "target_defaults": {
    "sources": [
      "native/addon.cc",
      "native/cm.cc",
      "native/cq.cc",
      "native/device.cc",
      "native/errors.cc",
      "native/library.cc",
      "native/memory.cc",
      "native/options.cc",
      "native/qp.cc",
      "native/resource.cc",
      "native/ring.cc",
      "native/ring_exports.cc",
      "native/server.cc",
      "native/server_exports.cc",
      "native/watch.cc",
      "native/fake/cm.cc",
      "native/fake/control.cc",
      "native/fake/execute.cc",
      "native/fake/objects.cc",
      "native/fake/remote.cc",
      "native/fake/wire.cc"
    ],
    "include_dirs": ["<!@(node -p \"require('node-addon-api').include_dir\")"],
    "defines": ["NAPI_VERSION=9", "NAPI_DISABLE_CPP_EXCEPTIONS"],
    "cflags_cc": ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
    "libraries": ["-ldl"]
  },
  "targets": [{ "target_name": "farside" }],
  "conditions": [
    ["sanitize==1", {
      "targets": [
        {
          "target_name": "farside_asan",
          "cflags_cc": ["-fsanitize=address", "-fno-omit-frame-pointer", "-g", "-O1"],
          "ldflags": ["-fsanitize=address"]
        }
      ]
    }]
  ]
}
