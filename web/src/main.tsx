import "./look/base.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { client } from "./api/client";
import { App } from "./app";

const root = document.getElementById("root");
if (!root) throw new Error("The page has no place for the client");
void client.resume();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
