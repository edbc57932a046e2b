import { createTheme, type PaletteOptions } from "@mui/material/styles";
import { dark, fonts, light, radius, type Tokens } from "./tokens";

function palette(tokens: Tokens): PaletteOptions {
  return {
    primary: { main: tokens.accent, dark: tokens.accent, light: tokens.accent, contrastText: tokens.accentInk },
    error: { main: tokens.bad, dark: tokens.bad, light: tokens.bad, contrastText: tokens.surface },
    warning: { main: tokens.warn, contrastText: tokens.surface },
    success: { main: tokens.ok, contrastText: tokens.surface },
    background: { default: tokens.ground, paper: tokens.surface },
    text: { primary: tokens.ink, secondary: tokens.dim },
    divider: tokens.line,
  };
}

const border = "1px solid var(--line)";

export const theme = createTheme({
  cssVariables: { colorSchemeSelector: "data-theme" },
  colorSchemes: { light: { palette: palette(light) }, dark: { palette: palette(dark) } },
  typography: {
    fontFamily: fonts.text,
    fontSize: 13,
    htmlFontSize: 16,
    button: { textTransform: "none", fontWeight: 600 },
  },
  shape: { borderRadius: radius.small },
  spacing: 4,
  transitions: {
    duration: {
      shortest: 80,
      shorter: 100,
      short: 120,
      standard: 140,
      complex: 160,
      enteringScreen: 120,
      leavingScreen: 80,
    },
  },
  components: {
    MuiButtonBase: { defaultProps: { disableRipple: true } },
    MuiButton: {
      defaultProps: { size: "small", variant: "outlined", disableElevation: true },
      styleOverrides: {
        root: { fontSize: 13, lineHeight: "20px", padding: "4px 12px", minWidth: 0, whiteSpace: "nowrap" },
        outlined: {
          borderColor: "var(--line)",
          color: "var(--ink)",
          backgroundColor: "var(--surface)",
          "&:hover": { borderColor: "var(--line-strong)", backgroundColor: "var(--hover)" },
        },
        text: { padding: "4px 6px", color: "var(--accent)" },
      },
      variants: [
        { props: { variant: "outlined", color: "error" }, style: { color: "var(--bad)", borderColor: "var(--bad)" } },
        { props: { variant: "text", color: "error" }, style: { color: "var(--bad)" } },
      ],
    },
    MuiTextField: { defaultProps: { size: "small", fullWidth: true } },
    MuiOutlinedInput: {
      styleOverrides: {
        root: { fontSize: 13, backgroundColor: "var(--surface)" },
        notchedOutline: { borderColor: "var(--line-strong)" },
        input: { padding: "8px 10px", height: "auto", lineHeight: "20px" },
        multiline: { padding: 0 },
      },
    },
    MuiInputLabel: { styleOverrides: { root: { fontSize: 13 } } },
    MuiFormHelperText: {
      styleOverrides: {
        root: { fontSize: 12, marginLeft: 0, color: "var(--dim)", "&.Mui-error": { color: "var(--bad)" } },
      },
    },
    MuiFormControlLabel: { styleOverrides: { label: { fontSize: 13 } } },
    MuiCheckbox: { defaultProps: { size: "small" }, styleOverrides: { root: { padding: "4px 9px" } } },
    MuiPaper: { styleOverrides: { root: { backgroundImage: "none" } } },
    MuiDialog: {
      defaultProps: { fullWidth: true, maxWidth: "sm" },
      styleOverrides: {
        paper: {
          border,
          borderRadius: radius.large,
          boxShadow: "0 8px 32px rgb(0 0 0 / 0.18)",
          margin: 12,
          width: "calc(100% - 24px)",
        },
      },
    },
    MuiDialogTitle: { styleOverrides: { root: { fontSize: 16, fontWeight: 650, padding: "16px 20px 8px" } } },
    MuiDialogContent: { styleOverrides: { root: { padding: "8px 20px 16px" } } },
    MuiDialogActions: { styleOverrides: { root: { padding: "12px 20px", borderTop: border } } },
    MuiMenu: { styleOverrides: { paper: { border, boxShadow: "0 6px 24px rgb(0 0 0 / 0.14)", minWidth: 160 } } },
    MuiMenuItem: {
      styleOverrides: {
        root: {
          fontSize: 13,
          minHeight: 32,
          paddingTop: 4,
          paddingBottom: 4,
          "@media (min-width:600px)": { minHeight: 32 },
        },
      },
    },
    MuiTooltip: {
      defaultProps: { enterDelay: 300, describeChild: true },
      styleOverrides: { tooltip: { fontSize: 12, backgroundColor: "var(--ink)", color: "var(--surface)" } },
    },
    MuiTabs: {
      styleOverrides: {
        root: { minHeight: 36, borderBottom: border },
        indicator: { backgroundColor: "var(--accent)" },
      },
    },
    MuiTab: {
      styleOverrides: {
        root: {
          minHeight: 36,
          padding: "6px 12px",
          fontSize: 13,
          minWidth: 0,
          color: "var(--dim)",
          "&.Mui-selected": { color: "var(--accent)" },
        },
      },
    },
    MuiDrawer: { styleOverrides: { paper: { borderColor: "var(--line)", boxShadow: "none" } } },
    MuiSkeleton: {
      defaultProps: { animation: "wave" },
      styleOverrides: { root: { transform: "none", backgroundColor: "var(--line)" } },
    },
  },
});
