import Button from "@mui/material/Button";
import TextField from "@mui/material/TextField";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { addLocalServer } from "../../api/queries/tools";
import { Code } from "../../parts/copy";
import { useForm } from "../../parts/form";
import { Card, PageHead } from "../../parts/page";
import { Trouble } from "../../parts/trouble";
import { blank, check, commandOf, draftOf, yamlOf } from "./local-draft";

const code = { htmlInput: { className: "mono", spellCheck: false } };

export function NewLocalServer() {
  const navigate = useNavigate();
  const form = useForm(blank, check);
  const add = useMutation({
    ...addLocalServer,
    onSuccess: (made) => navigate(`/tools/servers/${made.name}`),
    onError: form.takeRefusal,
  });
  const draft = draftOf(form.values);
  return (
    <>
      <PageHead
        title="Add a local tool server"
        tab="Add a local tool server"
        line="a program that Portico starts on its own machine"
        back={{ to: "/tools", name: "Tools" }}
      />
      <div className="main-side">
        <Card>
          <form
            noValidate
            className="stack"
            onSubmit={(event) => {
              event.preventDefault();
              if (!add.isPending) form.attempt(() => add.mutate(draft));
            }}
          >
            <div className="form-grid">
              <TextField label="Name" autoFocus {...form.text("name", "Clients reach it at /mcp/NAME")} />
              <TextField label="What it is for" {...form.text("description")} />
            </div>
            <TextField
              label="Command"
              {...form.text("command", "A path, or a name in Portico's PATH")}
              slotProps={code}
            />
            <TextField
              label="Arguments"
              multiline
              minRows={2}
              {...form.text("args", "One to a line; no shell reads them")}
              slotProps={code}
            />
            <TextField
              label="Environment"
              multiline
              minRows={2}
              {...form.text(
                "env",
                // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how a secret is written
                "NAME=VALUE to a line. Write a secret as ${ITS_NAME}: it is filled in from the vault",
              )}
              slotProps={code}
            />
            <TextField
              label="Paths it may read and write"
              multiline
              minRows={2}
              {...form.text("allowed_paths", "One to a line, with everything below. Empty: its own folder alone")}
              slotProps={code}
            />
            <div className="form-grid">
              <TextField
                className="all"
                label="Where its own code lies"
                multiline
                {...form.text("program_paths", "To be read, if that is not plain from the command")}
                slotProps={code}
              />
              <TextField label="Memory, MiB" {...form.text("memory_mb", "All its processes together")} />
              <TextField label="Stop when unused for, s" {...form.text("idle_stop_s", "0: never")} />
            </div>
            {add.error && <Trouble error={add.error} />}
            <div className="row">
              <Button type="submit" variant="contained" disabled={add.isPending}>
                {add.isPending ? "Working…" : "Add server"}
              </Button>
              {form.tried && !form.valid && <span className="bad">Something is missing or wrong above.</span>}
            </div>
          </form>
        </Card>
        <div className="stack">
          <Card title="What will happen">
            <ol className="steps">
              <li>Its tools are listed, which starts it. They are approved with it, unless your org holds all back.</li>
              <li>
                It writes to the paths you name and its own folder; of all else it reads programs and libraries alone.
              </li>
              <li>The first call starts it; when nobody calls, it is stopped. One that dies is started again.</li>
            </ol>
          </Card>
          <Card title="The same in an mcp.yaml">
            <Code label="mcp.yaml" text={yamlOf(draft)} />
          </Card>
          <Card title="The same on the command line">
            <Code label="Command" text={commandOf(draft)} />
          </Card>
        </div>
      </div>
    </>
  );
}
