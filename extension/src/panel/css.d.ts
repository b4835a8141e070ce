/** The build takes style sheets in as text. */
declare module '*.css' {
  const text: string;
  export default text;
}
