// Starts the language server and connects the editor to it; everything else is the server's.
"use strict";

const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function activate() {
  const [command, ...args] = workspace.getConfiguration("lispier").get("server");
  client = new LanguageClient(
    "lispier",
    "Lispier",
    { command, args },
    { documentSelector: [{ language: "lispier" }] },
  );
  return client.start();
}

function deactivate() {
  return client ? client.stop() : undefined;
}

module.exports = { activate, deactivate };
